: >x
valktrace summary x
