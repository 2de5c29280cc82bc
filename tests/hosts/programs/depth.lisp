; Ten calls that are open at the same time, then one that adds nothing to the depth.
(define (down n) (if (= n 0) 0 (+ 1 (down (- n 1)))))
(print (down 10))
