; A million tail calls: constant stack, constant depth.
(define (loop n) (if (= n 0) "done" (loop (- n 1))))
(print (loop 1000000))
