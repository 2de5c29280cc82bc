valktrace decode --time local
