echo "this is text, not a log; it is longer than a header would be" >x
for i in 1 2 3; do cat x x >y; mv y x; done
valktrace decode x
