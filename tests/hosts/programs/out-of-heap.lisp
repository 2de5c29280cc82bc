; Everything is held: the limit must end it, and the program goes on.
(define held '())
(define (hold) (set! held (cons "another piece" held)) (hold))
(print (substring (try hold (lambda (why) why)) 0 11))
(set! held '())
(gc)
(print (< (heap-used) (quotient (heap-limit) 2)))
