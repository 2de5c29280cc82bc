; Runs until it is killed; says how many collections it asked for, after each one.
(define cycles 0)
(define (churn n) (if (= n 0) '() (begin (list n n n) (churn (- n 1)))))
(while #t
  (churn 200)
  (gc)
  (set! cycles (+ cycles 1))
  (print cycles))
