// Package platform reads the protected PostgreSQL: its catalog, its foreign-key graph and its rows under one exported
// snapshot. It never writes to the platform, and never trusts it to be healthy.
package platform
