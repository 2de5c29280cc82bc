valktrace decode --format jsno
