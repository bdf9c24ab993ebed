package bench

import (
	"cmp"
	"slices"
)

// listed turns counts into a list, the most frequent first.
func listed(counts map[string]int) []Reason {
	var list []Reason
	for why, n := range counts {
		list = append(list, Reason{why, n})
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

func addCounts(into *map[string]int, from map[string]int) {
	if *into == nil {
		*into = make(map[string]int)
	}
	for why, n := range from {
		(*into)[why] += n
	}
}

func count(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
