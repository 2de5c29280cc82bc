# tests.mk - what `make test`, `bench`, `model`, `golden` and `demo` do.

HOSTS := $(B)/tests/lisp

.PHONY: test demo bench model golden
