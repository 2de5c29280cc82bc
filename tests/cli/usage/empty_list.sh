valktrace decode --category gc,,loop
