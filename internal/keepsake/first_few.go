package keepsake

import (
	"fmt"
	"strings"
)

// FirstFew names at most that many of a list, and counts the others: "a, b and 3 more".
func FirstFew(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
