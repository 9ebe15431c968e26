package views

// Reference is the JSON API for people to read.
type Reference struct {
	Shell          Shell
	Text, Document string
	Groups         []ReferenceGroup
}

// ReferenceGroup is what belongs together.
type ReferenceGroup struct {
	Name    string
	Actions []ReferenceAction
}

// ReferenceAction is one method of one path.
type ReferenceAction struct {
	ID, Method, Path, Summary, Text string
	Parameters, Body                []ReferenceField
	Answers                         []ReferenceAnswer
}

// ReferenceField is one field of a request or an answer.
type ReferenceField struct {
	Name, Where, Type, Text string
	Required                bool
}

// ReferenceAnswer is one status that an action may answer with.
type ReferenceAnswer struct {
	Status, Text string
	Fields       []ReferenceField
}

// words say what the field holds.
func (f ReferenceField) words() string {
	words := f.Type
	if f.Where != "" {
		words += ", in the " + f.Where
	}
	if f.Text != "" {
		words += ". " + f.Text
	}
	return words
}
