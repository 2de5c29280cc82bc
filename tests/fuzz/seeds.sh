#!/bin/bash
# seeds.sh NAME - the folders of fixtures that a fuzz target begins with.
case $1 in
log|pages)   echo fixtures/v1; echo fixtures/bad ;;
perf)        echo fixtures/perf ;;
proc|cgroup) echo fixtures/proc ;;
esac
[ ! -d "fixtures/fuzz/$1" ] || echo "fixtures/fuzz/$1"
