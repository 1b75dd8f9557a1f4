// Which CPU runs this, for data that is kept by CPU. No system call where the C library keeps the
// number in the thread's restartable-sequence area; a hint, since the thread may move at once.
#pragma once

// Below 0 where it is not known.
int aviary_current_cpu(void);
