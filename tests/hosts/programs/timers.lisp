; Five 1 ms timers, one of 10 ms, a repeated one, and thread-pool work.
(define fired 0)
(define (count) (set! fired (+ fired 1)))
(map (lambda (ms) (after ms count)) '(1 1 1 1 1))
(after 10 count)
(define turns 0)
(define tick
  (every 2 (lambda ()
    (set! turns (+ turns 1))
    (if (= turns 3) (begin (cancel tick) (set! fired (+ fired 1))) '()))))
(work 20000 (lambda (primes) (print primes " primes")))
(after 60 (lambda ()
  (print fired " fired")
  (write-file "timers.json" (vm/metrics-json))))
