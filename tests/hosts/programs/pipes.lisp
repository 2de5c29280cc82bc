; Five pipes that are ready at once: five events of the poller.
(define got 0)
(define (on-data text) (set! got (+ got (string-length text))))
(define pipes (map (lambda (n) (pipe on-data)) '(1 2 3 4 5)))
(map (lambda (p) (pipe-write p "hello")) pipes)
(after 20 (lambda () (map pipe-close pipes)))
(after 40 (lambda ()
  (print got " bytes")
  (write-file "pipes.json" (vm/metrics-json))))
