/* ticks.pml - 48-bit ticks in the record, full ticks in the segment header, and the strictly increasing
 *             times of the log.  Sequential: one producer, one reader, one log; times are free.
 *
 * WHAT IS MODELLED
 *   The 48 bits are LOWBITS bits here, so the modulus MOD = 2^LOWBITS and half of it are small enough to
 *   try every time.  NEV events; each has any tick in 0 .. MAXT, forwards or backwards (a signal between
 *   two commits, another socket, a suspended machine).
 *   producer:  d = t - seg.ticks (signed); |d| >= MOD/2: enter a new segment with seg.ticks = t.
 *              header word = low(t) << 16 | event id
 *   reader:    t = seg.ticks + signext(low - seg.ticks); word 0 is a pad
 *   log:       t' = max(t, previous + 1); `previous` starts from the ring's last chunk, so wherever the
 *              log is cut and a recoverer goes on, the times are the same as without a cut.
 *
 * WHAT IS ASSERTED  every t comes back exactly; no record looks like a pad; times in the log strictly
 *   increase and do not depend on the cut.
 *
 * MUTANTS
 *   NO_ENTER      no new segment                 ENTER_LATE   |d| > MOD/2
 *   FORWARD_ONLY  only d >= MOD/2 is tested      ZEROEXT      the reader does not extend the sign
 *   SEG_NOW       the header has the time of entering, later than the event's
 *   PREV_LOST     the recoverer starts with previous = 0
 *   ID_ZERO       event ids begin at 0
 */
#define LOWBITS 3
#define MOD     (1 << LOWBITS)
#define HALF    (MOD / 2)
#define MAXT    20
#ifndef NEV
#define NEV     4
#endif
#ifdef ID_ZERO
#define ID      0
#else
#define ID      1
#endif

active proctype all() {
	int t, d, low, got, late;
	int seg = -1;                           /* the segment's full ticks; -1: no segment yet */
	int prev, prev_cut, n;                  /* the log's last time; the same log, cut and continued */
	int last, last_cut;
	bit cut;
	do
	:: n < NEV ->
	   select(t : 0 .. MAXT);               /* read before anything else */
	   late = 0;
#ifdef SEG_NOW
	   select(late : 0 .. HALF + 1);        /* time passes between the reading and the entry */
#endif
	   if                                   /* the log may be cut here: a recoverer continues it */
	   :: true
	   :: !cut -> cut = 1;
#ifdef PREV_LOST
	      prev_cut = 0
#else
	      prev_cut = last_cut               /* from the last chunk of this ring */
#endif
	   fi;
	   atomic {
	      /* producer */
	      d = t - seg;
	      if
	      :: seg == -1 -> seg = t + late
#if defined(NO_ENTER)
#elif defined(ENTER_LATE)
	      :: seg != -1 && (d > HALF || d < -HALF) -> seg = t + late
#elif defined(FORWARD_ONLY)
	      :: seg != -1 && d >= HALF -> seg = t + late
#else
	      :: seg != -1 && (d >= HALF || d <= -HALF) -> seg = t + late
#endif
	      :: else
	      fi;
	      low = t % MOD;
	      assert((low << 16 | ID) != 0);    /* never a pad */
	      /* reader */
	      d = (low + MOD - seg % MOD) % MOD;
#ifndef ZEROEXT
	      if :: d >= HALF -> d = d - MOD :: else fi;
#endif
	      got = seg + d;
	      assert(got == t);
	      /* log, ticks from 0: previous = -1 before the first */
	      if :: n == 0 -> prev = -1; prev_cut = -1 :: else fi;
	      if :: got > prev -> last = got :: else -> last = prev + 1 fi;
	      if :: got > prev_cut -> last_cut = got :: else -> last_cut = prev_cut + 1 fi;
	      assert(n == 0 || last > prev);
	      assert(last_cut == last);
	      prev = last; prev_cut = last_cut;
	      last = 0; d = 0; low = 0; got = 0; t = 0; late = 0;
	      n++
	   }
	:: else -> break
	od
}
