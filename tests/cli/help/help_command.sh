valktrace help info
