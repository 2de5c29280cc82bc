valktrace sumary
