valktrace xyzzy
