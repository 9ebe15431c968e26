package report

import "fmt"

// Plural writes a number of things in words: "1 table", "3 tables".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
