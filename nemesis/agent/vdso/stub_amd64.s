#include "textflag.h"

// Position-independent code that is never run here: it is copied out of this
// program's text into the vDSO of another process, and the marks are replaced.
//
//	0x11.. address of the code that reads the true clock
//	0x22.. address of the parameters, see image_amd64.go
//	0x33.. address of the copied stubGettime
//	0x41.. end of a stub
//
// The convention is the System V one, as C calls the vDSO.

// int gettime(clockid DI, timespec *SI)
TEXT ·stubGettime(SB),NOSPLIT|NOFRAME,$0-0
	PUSHQ BX
	PUSHQ R12
	SUBQ  $8, SP
	MOVL  DI, BX
	MOVQ  SI, R12
	MOVQ  $0x1111111111111111, AX
	CALL  AX
	TESTL AX, AX
	JNE   out
	CMPL  BX, $11
	JHI   out
	MOVQ  $0x2222222222222222, R8
	MOVL  BX, CX
	MOVL  $1, R10
	SHLL  CX, R10
	MOVL  $8, R11        // offset of the realtime line in a block
	TESTL $0x821, R10    // REALTIME, REALTIME_COARSE, TAI
	JNE   scale
	MOVL  $32, R11       // of the monotonic line
	TESTL $0x0D2, R10    // MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE, BOOTTIME
	JEQ   out
scale:
	MOVQ  0(R12), DI
	IMULQ $1000000000, DI
	ADDQ  8(R12), DI     // the true time in nanoseconds
retry:
	MOVBLZX (R8), R9     // sequence
	MOVL  R9, CX
	ANDL  $3, CX
	SHLL  $6, CX
	LEAQ  64(R8)(CX*1), R10
	MOVQ  0(R10), DX     // the block's version, also in its last word
	LEAQ  (R10)(R11*1), CX
	MOVQ  DI, AX
	SUBQ  0(CX), AX      // since base
	MOVQ  8(CX), SI      // shown
	MOVQ  16(CX), CX     // rate
	CMPQ  DX, 56(R10)
	JNE   retry
	CMPB  R9, (R8)
	JNE   retry
	IMULQ CX             // DX:AX = AX*CX
	SHRQ  $32, DX, AX    // AX = DX:AX >> 32
	ADDQ  SI, AX
	CQO
	MOVQ  $1000000000, CX
	IDIVQ CX
	TESTQ DX, DX
	JGE   store
	ADDQ  CX, DX         // nanoseconds are never negative
	DECQ  AX
store:
	MOVQ  AX, 0(R12)
	MOVQ  DX, 8(R12)
	XORL  AX, AX
out:
	ADDQ  $8, SP
	POPQ  R12
	POPQ  BX
	RET
	QUAD  $0x4141414141414141

// int syscall(clockid DI, timespec *SI): the true clock from the kernel, where
// the head of the original function cannot be moved.
TEXT ·stubSyscall(SB),NOSPLIT|NOFRAME,$0-0
	MOVL $228, AX
	SYSCALL
	RET
	QUAD $0x4141414141414141

// int gettimeofday(timeval *DI, timezone *SI)
TEXT ·stubTimeofday(SB),NOSPLIT|NOFRAME,$0-0
	PUSHQ BX
	SUBQ  $16, SP
	MOVQ  DI, BX
	TESTQ SI, SI
	JEQ   nozone
	MOVQ  $0, 0(SI)
nozone:
	TESTQ BX, BX
	JEQ   done
	XORL  DI, DI
	MOVQ  SP, SI
	MOVQ  $0x3333333333333333, AX
	CALL  AX
	MOVQ  0(SP), AX
	MOVQ  AX, 0(BX)
	MOVQ  8(SP), AX
	XORL  DX, DX
	MOVL  $1000, CX
	DIVQ  CX
	MOVQ  AX, 8(BX)
done:
	XORL  AX, AX
	ADDQ  $16, SP
	POPQ  BX
	RET
	QUAD  $0x4141414141414141

// time_t time(time_t *DI)
TEXT ·stubTime(SB),NOSPLIT|NOFRAME,$0-0
	PUSHQ BX
	SUBQ  $16, SP
	MOVQ  DI, BX
	XORL  DI, DI
	MOVQ  SP, SI
	MOVQ  $0x3333333333333333, AX
	CALL  AX
	MOVQ  0(SP), AX
	TESTQ BX, BX
	JEQ   ret
	MOVQ  AX, 0(BX)
ret:
	ADDQ  $16, SP
	POPQ  BX
	RET
	QUAD  $0x4141414141414141

// func stubs() (gettime, syscall, timeofday, time unsafe.Pointer)
TEXT ·stubs(SB),NOSPLIT,$0-32
	LEAQ ·stubGettime(SB), AX
	MOVQ AX, gettime+0(FP)
	LEAQ ·stubSyscall(SB), AX
	MOVQ AX, syscall+8(FP)
	LEAQ ·stubTimeofday(SB), AX
	MOVQ AX, timeofday+16(FP)
	LEAQ ·stubTime(SB), AX
	MOVQ AX, time+24(FP)
	RET
