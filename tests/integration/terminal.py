#!/usr/bin/env python3
"""terminal.py STEPS -- an interactive bash on a pseudo-terminal, for manners.sh.

Each line of the file STEPS is `send TEXT` (C escapes; a newline is part of it when wanted), or
`wait REGEX`: until what was printed since the last wait matches, ten seconds at most. What was printed
goes to stdout. Exit 1: a wait was in vain.
"""
import os, pty, re, select, signal, sys, time

def main():
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(PS1='$ ', TERM='dumb', HISTFILE='/dev/null')
        os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
    seen, code = '', 0
    for step in open(sys.argv[1]).read().splitlines():
        verb, _, text = step.partition(' ')
        if verb == 'send':
            os.write(fd, text.encode().decode('unicode_escape').encode())
            continue
        end = time.time() + 10
        while not (match := re.search(text, seen)):
            if time.time() > end:
                print(f'\n*** in vain: {text}')
                code = 1
                break
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    data = os.read(fd, 65536).decode(errors='replace')
                except OSError:
                    break
                sys.stdout.write(data)
                seen += data
        if code:
            break
        seen = seen[match.end():] if match else ''
    os.kill(pid, signal.SIGKILL)
    os.close(fd)
    os.waitpid(pid, 0)
    return code

sys.exit(main())
