valktrace decode --limit many
