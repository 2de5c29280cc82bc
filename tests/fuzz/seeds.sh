#!/bin/bash
# seeds.sh NAME - the folders and files of fixtures that a fuzz target begins with.
case $1 in
log|pages)   ls -d fixtures/v1 fixtures/bad fixtures/*.vtrace ;;
perf)        echo fixtures/perf ;;
proc|cgroup) echo fixtures/proc ;;
esac
[ ! -d "fixtures/fuzz/$1" ] || echo "fixtures/fuzz/$1"
