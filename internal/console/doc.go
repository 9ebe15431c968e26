// Package console holds what people and scripts can do with Keepsake: one method per use case, each authorising its actor,
// and the workers that run what was asked for. It never reads the platform's rows or a provider's objects itself: that is
// the engine's.
package console
