#!/bin/bash
# programs.sh - unmodified programs do not notice that they are recorded: what they print, and how they end,
# is the same as without, by default and with all categories, and the log is whole.
. "$(dirname "$0")/lib.sh"

export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org

# Runs a command and tells an exit code from death by a signal, which a shell does not.
cat >how.pl <<'PL'
my ($out, $err, @command) = @ARGV;
my $pid = fork // die;
if (!$pid) {
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', $out;
	open STDERR, '>', $err;
	exec @command or exit 99;
}
waitpid $pid, 0;
print $? & 127 ? 'signal ' . ($? & 127) : 'exit ' . ($? >> 8), $? & 128 ? ' core' : '', "\n";
PL

# same NAME COMMAND...: each run in an empty directory of the same name.
same()
{
	local name=$1 how plain options lost
	shift
	rm -rf place
	mkdir place
	plain=$(cd place && timeout 60 perl ../how.pl ../out ../err "$@")
	for options in -q '-q --all' '-q -w'; do
		rm -rf place
		mkdir place
		# shellcheck disable=SC2086
		how=$(cd place && timeout 60 perl ../how.pl ../out2 ../err2 \
			valktrace record $options -o ../log.vtrace -- "$@")
		is "$name: ends the same, $options" "$how" "$plain"
		ok "$name: stdout, $options" cmp out out2
		ok "$name: stderr, $options" cmp err err2
		# Of all that is allocated, some may be lost: these are more than a ring holds.
		[[ $options == *--all* ]] && lost='[0-9,]+ lost.*' || lost='0 lost'
		has "$name: the log is whole, $options" "$(valktrace verify log.vtrace 2>&1)" \
			"^log.vtrace: undamaged, closed, .* $lost\$"
	done
	rm -rf place
	mkdir place
	how=$(cd place && timeout 60 perl ../how.pl ../out2 ../err2 valktrace record -o ../log.vtrace -- "$@")
	is "$name: stderr but for our lines" "$how $(grep -v '^valktrace: ' err2)" "$plain $(cat err)"
	if [ ! -s out ] && [ ! -s err ]; then fail "$name: prints nothing, so nothing was tried"; fi
}

have()
{
	command -v "$1" >/dev/null || { skip "$1" 'not installed'; return 1; }
}

same 'a pipeline' sh -c 'seq 2000 | sort -rn | awk "{ s += \$1; print s }" | tail -n 3 | tee copy | rev; cat copy >&2
	yes | head -n 2; exit 4'
valktrace info --json log.vtrace >info
is 'a pipeline: its programs' "$(jq -r '[.processes[].program | select(test("^(seq|sort|tail|tee|rev|cat|yes|head)$"))] |
	sort | join(" ")' info)" 'cat head rev seq sort tail tee yes'
is 'each is a process of its own, with a ring' "$(jq -c '[.processes[].pid] | [length, (unique | length)]' info) $(jq '
	([.threads[].pid] | unique) == ([.processes[].pid] | sort)' info)" '[10,10] true'
is 'and a child of the shell' "$(jq -c '[.processes[1:][].parent] | unique' info)" '[0]'
# All of it happens while the recorder sleeps, so that it finds all ring files at once.
ok 'found at once' valktrace record -q -f -o log.vtrace -- \
	sh -c 'kill -STOP $PPID; sh -c "seq 3; exec seq 2"; kill -CONT $PPID; exec seq 1' >out
is 'each has its parent, each image its end' "$(valktrace info --json log.vtrace |
	jq -c '[.processes[] | [(.program | sub("^.*sh$"; "sh")), .parent, .ending]]')" \
	'[["sh",null,"exec"],["sh",0,"exec"],["seq",1,"exit"],["seq",0,"exit"],["seq",null,"exit"]]'
same 'find and sort' sh -c 'mkdir -p a/b c; touch a/1 a/b/2 c/3; find . -type f -print0 | sort -z | xargs -0 -n 1 echo; ls nosuch'
same 'bash with traps' bash -c 'trap "echo term" TERM; trap "echo exit" EXIT; trap "echo usr1; exit 12" USR1
	kill -TERM $$; (exit 5); echo $?; coproc cat; echo hi >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo $line
	diff <(seq 3) <(seq 4); exec 3>&2 2>/dev/null; (kill -SEGV $BASHPID); echo $?; exec 2>&3; ulimit -n; kill -USR1 $$; echo never'
same 'bash killed by its own signal' bash -c 'echo before; kill -KILL $$'
same 'an abort' bash -c 'ulimit -c 0; echo before; exec perl -e "\$| = 1; print qq(now\n); kill ABRT, \$\$; sleep 9"'
if have git; then
	same 'git' sh -c 'git init -q -b main . && for i in 1 2 3; do seq $i >f$i; git add f$i; git commit -q -m "c$i"; done
		git checkout -q -b side HEAD~1 && echo x >f1 && git commit -q -a -m side && git log --oneline --graph --all
		git merge -q main -m merge; git diff HEAD~1 --stat; git fsck --strict; git gc -q; git rev-parse HEAD; git status nosuch; git nosuch'
fi
if have python3; then
	cat >p.py <<'PY'
import os, signal, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
def square(n): return n * n
def main():
    with ThreadPoolExecutor(8) as pool: print(sum(pool.map(square, range(1000))))
    with ProcessPoolExecutor(3) as pool: print(sum(pool.map(square, range(100), chunksize=10)))
    print(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], capture_output=True))
    print(subprocess.run(['sh', '-c', 'kill -9 $$']).returncode)
    print(subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True).communicate(b'x'))
    pid = os.fork()
    if pid == 0: os._exit(7)
    print(os.waitpid(pid, 0)[1])
    done = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *a: done.set())
    os.kill(os.getpid(), signal.SIGUSR1)
    print(done.wait(5), threading.active_count())
    sys.stderr.write('to stderr\n')
    raise SystemExit(9)
if __name__ == '__main__': main()
PY
	same 'python3' "$(python3 -c 'import sys; print(sys.executable)')" "$WORK/p.py"
	same 'python3: an exception' python3 -c 'import json; print(json.dumps([1])); {}["missing"]'
	same 'python3: interrupted' python3 -c 'import os, signal; print("now", flush=True); signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), 2)'
fi
if have perl; then
	same 'perl: an alarm that kills' perl -e '$| = 1; print "waiting\n"; alarm 1; sleep 20; print "never\n"'
	same 'perl: an alarm that is handled' perl -e '$SIG{ALRM} = sub { print "alarm\n"; exit 14 }; alarm 1; sleep 20'
	same 'perl: forks and pipes' perl -e 'for my $n (1 .. 20) { if (!fork) { exit $n } } my $s = 0;
		while ((my $p = wait) > 0) { $s += $? >> 8 } print "$s\n"; open P, "-|", "echo piped" or die; print <P>; close P; die "the end\n"'
fi
if have ruby; then
	same 'ruby' ruby -e 'a = (1..20000).map { |i| i.to_s * 3 }; GC.start; puts a.sum(&:size); puts `echo sub; exit 3`, $?.exitstatus
		t = 4.times.map { |i| Thread.new { i * 2 } }; p t.map(&:value); pid = fork { exit! 5 }; Process.wait pid; p $?.exitstatus
		trap("TERM") { puts "term"; exit 8 }; Process.kill("TERM", $$); sleep 5'
	same 'ruby: an exception' ruby -e '$stdout.sync = true; puts 1; raise "boom"'
fi
if have node; then
	same 'node' node -e 'const { execFileSync, spawnSync } = require("child_process"); const { Worker } = require("worker_threads")
		console.log(execFileSync("echo", ["child"]).toString()); console.log(spawnSync("sh", ["-c", "kill -15 $$"]).signal)
		const w = new Worker("require(\"worker_threads\").parentPort.postMessage(6 * 7)", { eval: true })
		w.on("message", m => { console.log(m); console.error("err"); setTimeout(() => process.exit(5), 20) })'
	same 'node: an exception' node -e 'console.log([1, 2]); process.on("exit", c => console.log("exit", c)); null.x'
fi
if have sqlite3; then
	same 'sqlite3' sqlite3 a.db 'create table t(a, b); with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
		insert into t select i, i * i from n; create index x on t(b); select count(*), sum(b) from t; pragma integrity_check; select nosuch;'
fi
if have cmake; then
	mkdir project
	printf '#include <stdio.h>\n#include "say.h"\nint main(void) { puts(say()); return 6; }\n' >project/main.c
	printf 'const char *say(void);\n' >project/say.h
	printf '#include "say.h"\nconst char *say(void) { return "built"; }\n' >project/say.c
	cat >project/CMakeLists.txt <<'TXT'
cmake_minimum_required(VERSION 3.20)
project(small C)
include(CheckIncludeFile)
check_include_file(unistd.h HAVE_UNISTD)
add_library(say SHARED say.c)
add_executable(small main.c)
target_link_libraries(small say)
add_custom_command(TARGET small POST_BUILD COMMAND ${CMAKE_COMMAND} -E echo linked)
TXT
	# Later versions say how long each step took.
	same 'cmake: configures and builds' sh -c 'cmake -S ../project -B build | sed "s/ ([0-9.]*s)$//" &&
		cmake --build build && build/small'
	same 'cmake: an error' sh -c 'cp -r ../project . && echo "no such thing" >>project/say.c && cmake -S project -B build >/dev/null &&
		cmake --build build 2>/dev/null'
fi
if have nvim; then
	printf 'one\ntwo\nthree\n' >lines
	cat >edit.vim <<'VIM'
edit ../lines
%s/two/2/
normal! Goend
read !echo read; echo error >&2; exit 3
%!sort
!echo shell; cat; exit 7
echo v:shell_error
echo system('tr a-z A-Z', 'through')
echo jobwait([jobstart(['sh', '-c', 'echo job; exit 5'])])
write! copy
echo join(getline(1, '$'), ',')
cquit 11
VIM
	# It ends without an end of line.
	same 'nvim: edits by a script, runs commands' sh -c 'nvim --headless -u NONE -i NONE -n -S ../edit.vim
		code=$?; echo >&2; cat copy; exit $code'
fi
if have make; then
	printf 'all: a b c\n\t@echo all\na b c:\n\t@sleep 0.0$@ 2>/dev/null; echo $@ >$@; cat $@\nfail:\n\t@false\n.NOTPARALLEL:\n' >Makefile.test
	same 'make' make -f ../Makefile.test all fail
fi
if have guile; then
	cp "$ROOT/fixtures/demo.scm" .
	same 'guile, a runtime that is known' guile -c '(do ((i 0 (+ i 1))) ((= i 3000)) (make-list 1000 i)) (display "done\n") (exit 3)'
	same 'guile: a signal' guile -c '(do ((i 0 (+ i 1))) ((= i 3000)) (make-list 1000 i)) (display "now\n") (force-output) (kill (getpid) SIGTERM)'
fi
finish
