package hub

// checks turns assertions on. Only tests set it, before the first hub is made.
var checks bool

func assert(ok bool, what string) {
	if checks && !ok {
		panic("hub: " + what)
	}
}
