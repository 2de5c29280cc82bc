; Errors leave calls behind; the depth must be what it was.
(define (deep n) (if (= n 0) (error "bottom") (+ 1 (deep (- n 1)))))
(print (try (lambda () (deep 30)) (lambda (why) why)))
(print (try (lambda () (undefined-thing)) (lambda (why) why)))
(print (try (lambda () (car 1)) (lambda (why) why)))
(print (try (lambda () (quotient 1 0)) (lambda (why) why)))
(define (many n)
  (if (= n 0)
      "survived"
      (begin
        (try (lambda () (deep 5)) (lambda (why) why))
        (many (- n 1)))))
(print (many 200))
(print (try (lambda () (deep 1000000)) (lambda (why) why)))
