package source

// Opened returns o with a function that is called after each file was opened, so that a test can change it then.
func Opened(o Options, f func(path string)) Options {
	o.opened = f
	return o
}
