package netpoll

// checks turns assertions on. Only tests set it, before the first pool is made.
var checks bool

func assert(ok bool, what string) {
	if checks && !ok {
		panic("netpoll: " + what)
	}
}
