// Package apiclient is a client of the JSON API as anybody's generator makes one from docs/openapi.json. It drives the
// API's tests: what the document says wrong, or does not say, they cannot do. Nothing of the product uses it.
package apiclient
