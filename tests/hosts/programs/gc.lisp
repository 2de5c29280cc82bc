; Collections that are asked for; the metrics after 0, 1, 2 and 5 of them.
(define (after-gc n)
  (if (> n 0) (begin (gc) (after-gc (- n 1))) '()))
(define (dump name) (write-file name (vm/metrics-json)))
(dump "gc.0")
(after-gc 1) (dump "gc.1")
(after-gc 1) (dump "gc.2")
(after-gc 3) (dump "gc.5")
