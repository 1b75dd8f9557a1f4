// Lua includes this header; guest_try.h stands in for what it would declare.
