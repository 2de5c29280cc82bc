; Garbage of all kinds, a small part of which lives for a while.
(define kept '())
(define (churn n)
  (let ((junk (list n (* n 1.5) (->string n))))
    (if (= 0 (remainder n 100)) (set! kept (cons junk kept)) '())
    (if (= 0 (remainder n 5000)) (set! kept '()) '())
    (if (= n 0) (length kept) (churn (- n 1)))))
(print (churn 60000))
