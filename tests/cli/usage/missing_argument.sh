valktrace decode --category
