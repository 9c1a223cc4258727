"""Programs that attack the sandbox: language, source, and the ways in which each may end. None may print ESCAPED."""

from __future__ import annotations

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
GONE = {"runtime_error"}  # what is not in the sandbox cannot be found
BARRED = {"forbidden"}

ATTACKS = {
    # processes
    "fork bomb": ("python", "import os\nwhile True: os.fork()", BARRED),
    "shell fork bomb": ("python", "import os\nos.system(':(){ :|:& };:')\nprint('ESCAPED')", BARRED),
    "become a shell that forks": (
        "python", "import os\nos.execv('/bin/sh', ['sh', '-c', 'while :; do sleep 9 & done'])", BARRED),
    "subprocess": ("python", "import subprocess\nsubprocess.run(['/bin/true'])\nprint('ESCAPED')", BARRED),
    "multiprocessing": (
        "python", "import multiprocessing as m\nm.Process(target=print).start()\nprint('ESCAPED')", BARRED),
    "daemon that outlives its parent": (
        "python", "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(60)\nprint('ESCAPED')", BARRED),
    "fork by number": ("python", f"{LIBC}libc.syscall(57 if os.uname().machine == 'x86_64' else 220, 0, 0, 0, 0, 0)\n"
                       "print('ESCAPED')", BARRED),
    "threads without end": (
        "python", "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()",
        {"runtime_error", "memory", "killed", "timeout"}),
    "kill the parent": ("python", "import os\nos.kill(os.getppid(), 9)\nprint('still here')", {"ok"}),
    "signal pid 1": (
        "python", "import os\nfor n in (1, 2, 3, 9, 15, 19): os.kill(1, n)\nprint('still here')", {"ok"}),
    "kill everything": (
        "python", "import os\nos.kill(-1, 9)\nimport time\ntime.sleep(1)", {"killed", "ok", "runtime_error"}),
    "signal every number": (
        "python", "import os\nfor pid in range(2, 60000):\n try: os.kill(pid, 0)\n except OSError: continue\n"
        " if pid > 10: print('ESCAPED', pid)", {"ok"}),
    # resources
    "memory at once": ("python", "x = bytearray(10**11)", {"memory"}),
    "memory bit by bit": ("python", "x = []\nwhile True: x.append(bytearray(10**6))", {"memory"}),
    "shared memory": (
        "python", "import mmap\nx = [mmap.mmap(-1, 2**26) for _ in range(100)]\nprint('ESCAPED')",
        {"memory", "runtime_error"}),
    "memory file": ("python", "import os\nfd = os.memfd_create('x')\nprint('ESCAPED')", GONE),
    "fill the disk": (
        "python", "import os\nn = 0\nwhile True:\n n += 1\n open(f'/tmp/{n}', 'wb').write(bytes(500_000))", BARRED),
    # bubblewrap bounds no entries: each takes memory of the kernel, which no limit of a process counts
    "folders without end": (
        "python", "import os\nfor n in range(100_000): os.mkdir(f'/tmp/{n}')\nprint('ESCAPED')", BARRED),
    "folders in folders without end": (
        "python", "import os\nfor n in range(100_000):\n os.mkdir('d')\n os.chdir('d')\nprint('ESCAPED')", BARRED),
    "empty files without end": (
        "python", "import os\nfor n in range(100_000): os.close(os.open(f'/tmp/{n}', os.O_CREAT))\nprint('ESCAPED')",
        BARRED),
    "links without end": (
        "python", "import os\nopen('/tmp/x', 'w').close()\nfor n in range(100_000): os.link('/tmp/x', f'/tmp/{n}')\n"
        "print('ESCAPED')", BARRED),
    "symbolic links without end": (
        "python", "import os\nfor n in range(100_000): os.symlink('x', f'/tmp/{n}')\nprint('ESCAPED')", BARRED),
    "one huge file": ("python", "open('/tmp/x', 'wb').write(bytes(2**25))", BARRED),
    "fill shared memory files": ("python", "open('/dev/shm/x', 'wb').write(bytes(9))\nprint('ESCAPED')",
                                 BARRED | GONE),
    "huge output": ("python", "while True: print('x' * 1000)", {"output"}),
    "huge error output": ("python", "import sys\nwhile True: sys.stderr.write('x' * 1000)", {"output"}),
    "endless loop": ("python", "while True: pass", {"timeout"}),
    "endless loop deaf to signals": (
        "python", "import signal\nfor n in (1, 2, 15, 24): signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        {"timeout"}),
    "sleep": ("python", "import time\ntime.sleep(600)", {"timeout"}),
    "raise the limits": (
        "python", "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (-1, -1))\nprint('ESCAPED')", BARRED | GONE),
    "deep recursion": ("python", "def f(n): return f(n + 1)\nf(0)", GONE),
    "recursion without its limit": (
        "python", "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return [f(n + 1)][0]\nf(0)",
        {"killed", "memory", "runtime_error", "timeout"}),
    "huge number": ("python", "x = 9 ** 9 ** 9", {"timeout", "memory"}),
    # network
    "connect": ("python", "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)\nprint('ESCAPED')", BARRED),
    "local services": ("python", "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)", BARRED),
    "look a name up": (
        "python", "import socket\nprint('ESCAPED', socket.gethostbyname('example.org'))", BARRED | GONE),
    "socket of the container engine": (
        "python", "import socket\nsocket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')", BARRED),
    # files
    "read the home folder": (
        "python", "import os\nfor name in ('/root/.ssh', '/home', os.path.expanduser('~/.bashrc')):\n"
        " if os.path.exists(name): print('ESCAPED', name)", {"ok"}),
    "read passwords": ("python", "print('ESCAPED', open('/etc/shadow').read())", GONE),
    "list the host's processes": ("python", "import os\nprint('ESCAPED', os.listdir('/proc'))", GONE),
    "read through /proc/1/root": ("python", "print('ESCAPED', open('/proc/1/root/etc/passwd').read())", GONE),
    "read kernel settings": ("python", "import os\nprint('ESCAPED', os.listdir('/sys'))", GONE),
    "symbolic link out": (
        "python", "import os\nos.symlink('/etc/shadow', '/tmp/l')\nprint('ESCAPED', open('/tmp/l').read())", GONE),
    "path out": ("python", "print('ESCAPED', open('/tmp/../../../../etc/passwd').read())", GONE),
    "write to the system": ("python", "open('/usr/bin/evil', 'w')\nprint('ESCAPED')", BARRED),
    "write to the root": ("python", "open('/evil', 'w')\nprint('ESCAPED')", BARRED),
    "change the program itself": ("python", "open('/program/main.py', 'w')\nprint('ESCAPED')", BARRED),
    "open the memory device": ("python", "open('/dev/mem', 'rb')\nprint('ESCAPED')", BARRED | GONE),
    "make a device": (
        "python", "import os, stat\nos.mknod('/tmp/d', 0o666 | stat.S_IFBLK, os.makedev(254, 0))\nprint('ESCAPED')",
        BARRED),
    "write to the standard input": ("python", "import os\nos.write(0, b'x')\nprint('ESCAPED')", GONE),
    "use descriptors left open": (
        "python", "import os\nfor fd in range(3, 64):\n try: os.fstat(fd)\n except OSError: continue\n"
        " print('ESCAPED', fd)", {"ok"}),
    # privileges
    "ptrace": ("python", f"{LIBC}libc.ptrace(16, 1, 0, 0)\nprint('ESCAPED')", BARRED),
    "read another process": ("python", f"{LIBC}libc.process_vm_readv(1, 0, 0, 0, 0, 0)\nprint('ESCAPED')", BARRED),
    "mount": ("python", f"{LIBC}libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0)\nprint('ESCAPED')", BARRED),
    "unmount": ("python", f"{LIBC}libc.umount2(b'/usr', 2)\nprint('ESCAPED')", BARRED),
    "unshare again": ("python", f"{LIBC}libc.unshare(0x10000000)\nprint('ESCAPED')", BARRED),
    "enter a namespace": ("python", f"{LIBC}libc.setns(0, 0)\nprint('ESCAPED')", BARRED),
    "chroot": ("python", "import os\nos.chroot('/tmp')\nprint('ESCAPED')", BARRED),
    "become root": ("python", "import os\nos.setuid(0)\nprint('ESCAPED')", BARRED | GONE),
    "gain privileges by exec": (
        "python", f"{LIBC}print('no new privileges' if libc.prctl(39, 0, 0, 0, 0) == 1 else 'ESCAPED')", {"ok"}),
    "set the clock": ("python", "import time\ntime.clock_settime(0, 0)\nprint('ESCAPED')", BARRED),
    "program of the kernel": (
        "python", f"{LIBC}libc.syscall(321 if os.uname().machine == 'x86_64' else 280, 0, 0, 0)\nprint('ESCAPED')",
        BARRED),
    "environment": ("python", "import os\nprint(dict(os.environ))", {"ok"}),
    # oddities
    "null bytes": ("python", "print('ESCAPED')\0", GONE),
    "exit code of a signal": ("python", "import sys\nsys.exit(159)", BARRED),
    "message of the sandbox": ("python", "import sys\nsys.stderr.write('bwrap: no')\nsys.exit(1)", GONE),
    "message of the mount": ("python", "import sys\nsys.stderr.write('mount: no')\nsys.exit(32)", GONE),
    "message of the system": ("python", "raise SystemExit('main: /usr/x: Permission denied (EACCES)')", GONE),
    "message of an error": ("python", "raise ValueError('[Errno 13] Permission denied; MemoryError')", GONE),
    # other languages
    "node: child process": (
        "javascript", "require('child_process').execSync('id'); console.log('ESCAPED')", BARRED),
    "node: connect": ("javascript", "require('net').connect(53, '1.1.1.1')", BARRED),
    "node: fetch": ("javascript", "fetch('http://1.1.1.1').then(() => console.log('ESCAPED'))", BARRED | GONE),
    "node: read passwords": (
        "javascript", "console.log('ESCAPED', require('fs').readFileSync('/etc/shadow'))", GONE),
    "node: write to the system": (
        "javascript", "require('fs').writeFileSync('/usr/evil', ''); console.log('ESCAPED')", BARRED),
    "node: memory": ("javascript", "let x = []; while (true) x.push(new Array(1000).fill(Math.random()))",
                     {"memory", "killed"}),
    "node: memory outside the heap": (
        "javascript", "let x = []; while (true) x.push(Buffer.alloc(2 ** 24, 1))",
        {"memory", "killed", "runtime_error"}),
    "node: endless loop": ("javascript", "while (true);", {"timeout"}),
    "node: huge output": ("javascript", "while (true) console.log('x'.repeat(1000))", {"output", "memory", "timeout"}),
    "node: folders without end": (
        "javascript", "for (let n = 0; n < 1e5; n++) require('fs').mkdirSync('/tmp/' + n); console.log('ESCAPED')",
        BARRED),
    "node: message of the system": ("javascript", "throw new Error('EACCES: permission denied, open')", GONE),
    "node: kill the parent": (
        "javascript", "process.kill(process.ppid, 'SIGKILL'); console.log('still here')", {"ok"}),
    "lua: shell": ("lua", "os.execute('id') print('ESCAPED')", BARRED),
    "lua: pipe": ("lua", "print('ESCAPED', io.popen('id'):read('a'))", BARRED),
    "lua: read passwords": ("lua", "print('ESCAPED', assert(io.open('/etc/shadow')):read('a'))", GONE),
    "lua: remove the system": ("lua", "assert(os.remove('/usr/bin/env')) print('ESCAPED')", BARRED),
    "lua: memory": ("lua", "local x = {} while true do x[#x + 1] = ('x'):rep(10^6 + #x) end", {"memory", "timeout"}),
    "lua: files without end": (
        "lua", "for n = 1, 10^5 do assert(io.open('/tmp/' .. n, 'w')):close() end print('ESCAPED')", BARRED),
    "lua: message of the system": ("lua", "error('Permission denied')", GONE),
    "lua: pattern that backtracks": (
        "lua", "print(('a'):rep(60):find(('a-'):rep(60) .. 'b'))", {"timeout"}),
    "lua: endless loop": ("lua", "while true do end", {"timeout"}),
}  # fmt: skip
