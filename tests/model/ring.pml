/* ring.pml - the ring in overwrite mode: one producer, one live reader, SIGKILL at any store,
 *            a recoverer.  (Spin; run.sh builds and runs it with every variant and mutant.)
 *
 * WHAT IS MODELLED
 *   Positions are monotone word positions (the code: bytes); the ring has NSEG segments of SEG words:
 *       header:  word 0  segno and emitted[0]      (the code: segno, first_seq, full ticks, emitted[])
 *                word 1  emitted[1]                 two words, so a header can be torn
 *       records: one header word REC(id), and for "long" events one payload word PAY(id);
 *       a pad word (0) fills the segment when the next record does not fit.
 *   `commit` is also the write position.  Events have the ids 0, 1, 2 ...; id -> length and category
 *   is the type table, a pure function known to both sides.  Two categories.
 *
 * HOW WEAK MEMORY IS MODELLED
 *   The producer's stores go into a buffer q[] and land in shared memory shm[] in ANY order except:
 *     - stores to one location land in program order (coherence);
 *     - a store-release lands after all earlier stores; later stores may pass it;
 *     - a release fence starts an epoch: a store lands after all stores of earlier epochs.
 *   The reader's loads are interleaved with the landing, one by one.  load_acquire(commit) and
 *   fence(acquire) keep program order; what they forbid is modelled by the mutants LOAD_HOISTED and
 *   NO_RFENCE.
 *   In overwrite mode the producer loads nothing that another thread stores.  So its stores are one
 *   fixed sequence: the model builds the whole sequence first and only then lets it land.  This loses
 *   no behaviour and saves the dimension "how far ahead is the producer".
 *   A kill is a cut of the sequence at any store k that is not before one that has landed; then all
 *   stores before k land (the memory of a dead process is coherent).  What a recoverer sees depends
 *   only on k and on the log, so all cuts are tried at once, each time the log has changed.
 *
 * WHAT IS ASSERTED
 *   reader:    every word it accepts is the word written at that position; after each round
 *              decoded + lost = emitted, exactly, in each category.
 *   recoverer: every emit that returned is inside commit and at most one more; log + ring hold each
 *              event once or count it lost, exact per category; each whole segment has as many
 *              records per category as the headers say; never a duplicate, nothing invented;
 *              at least NSEG-1 segments (less one pad) survive; with the log and without it.
 *
 * LEFT OUT  ticks (ticks.pml), signals (nest.pml), discard mode (discard.pml), slots (lifecycle.pml),
 *   waking (wake.pml; its seq_cst fence at segment entry is left out here: the ring must not need it),
 *   more than one observer of one store (there is only one reader), 64-bit wrap.
 *
 * VARIANTS (must hold)
 *   -DNEV= -DNSEG= -DROUNDS=   sizes          -DLENS=   other lengths; -DANYLEN every mix of lengths
 *   -DANYORDER  the words are copied in any order (relaxed loads are not ordered)
 *   -DPLAIN     without the two savings in the reader (see there): the same verdict, more states
 *   -DLIVE_ONLY no kill: shows that the live reader alone catches a mutant
 *
 * MUTANTS  -D...  each must fail:
 *   NO_WFENCE      release store of horizon, no fence (the OCaml shape)
 *   NO_RFENCE      the re-check of horizon before the copy
 *   COMMIT_RELAXED commit stored relaxed        COMMIT_FIRST   commit before the words of the record
 *   HORIZON_LATE   horizon after the first header word
 *   HORIZON_SHORT  horizon one segment too low  HDR_LATE       d) before c)
 *   LOAD_HOISTED   the data loads before the load of commit
 *   NO_PAD         no pad word                  EMITTED_EARLY  emitted[]++ before enter_segment
 */
#ifndef NEV
#define NEV     6               /* events */
#endif
#ifndef NSEG
#define NSEG    2               /* segments */
#endif
#ifndef ROUNDS
#define ROUNDS  2               /* rounds of the reader */
#endif
#ifndef LENS
#define LENS    546             /* bit i: event i is long; 0x222: 1 pad | 2 | 1 1 | 1 pad | 2 ... */
#endif

#define HDR     2
#define SEG     (HDR + 2)
#define SIZE    (NSEG * SEG)
#define MAXPOS  (SEG * NEV + SEG)
#ifdef ANYLEN
#define LEN(id) (1 + ((lens >> (id)) & 1))
byte lens;                      /* chosen at the start */
#else
#define LEN(id) (1 + ((LENS >> (id)) & 1))
#endif
#define CAT(id) ((id) & 1)
#define N0(n)   (((n) + 1) / 2) /* events of category 0 among the first n, and of category 1 */
#define N1(n)   ((n) / 2)

#define PAD     0
#define REC(id) ((id) + 1)
#define PAY(id) (128 + (id))
#define SH0(segno, e0)  ((segno) * 16 + (e0))

/* shared memory: the words of the ring, horizon, commit */
#define HZ      SIZE
#define CM      (SIZE + 1)
byte shm[SIZE + 2];

/* the producer's stores in program order */
#define MAXQ    (8 * NEV)
#define RLX     0
#define REL     1
hidden byte q_loc[MAXQ];        /* hidden: constant once built, so no part of the state */
hidden byte q_val[MAXQ];
hidden byte q_ep[MAXQ];
hidden byte q_rel[MAXQ];
hidden byte nq;                 /* how many */
hidden byte ep;
bit   landed[MAXQ];
byte  first;                    /* the oldest that has not landed */
byte  top;                      /* one above the youngest that has landed */

/* ghosts: what is true, for the assertions only */
hidden byte g_end[NEV];         /* position after event id */
hidden byte g_ret[NEV];         /* number of stores issued when emit(id) returned */
hidden byte g_word[MAXPOS];     /* the word written at each position */

/* the log: what the reader has written, and up to which position */
byte  log_got[2], log_lost[2], log_end;
bit   built;
byte  rounds;

inline store(loc, val, order) {
	q_loc[nq] = loc; q_val[nq] = val; q_rel[nq] = order; q_ep[nq] = ep; nq++
}

inline word(p, val) {           /* a word of the ring, always relaxed */
	store((p) % SIZE, val, RLX);
	g_word[p] = val
}

inline fence_release() { ep++ }

/* ---- producer -------------------------------------------------------------------------------- */

hidden byte pos, S, id, em[2];  /* emit()'s own: position, segment, event, emitted[] */

inline enter_segment() {
	S = ((pos + SEG - 1) / SEG) * SEG;
#ifndef NO_PAD
	if :: pos != S -> word(pos, PAD) /* pad, if there is room in the old segment */
	   :: else fi;
#endif
	if
	:: S + SEG > SIZE ->                            /* not in the first lap: would be negative */
#if defined(NO_WFENCE)
	   store(HZ, S + SEG - SIZE, REL)
#elif defined(HORIZON_LATE)
	   word(S, SH0(S / SEG, em[0]));
	   store(HZ, S + SEG - SIZE, RLX);
	   fence_release()
#elif defined(HORIZON_SHORT)
	   store(HZ, S - SIZE, RLX);
	   fence_release()
#else
	   store(HZ, S + SEG - SIZE, RLX);              /* a) */
	   fence_release()                              /* b) */
#endif
	:: else
	fi;
#ifdef HDR_LATE
	store(CM, S + HDR, REL);
#endif
	word(S, SH0(S / SEG, em[0]));                   /* c) segno ... emitted[0] */
	word(S + 1, em[1]);                             /* c) emitted[1] */
#ifndef HDR_LATE
	store(CM, S + HDR, REL);                        /* d) */
#endif
	pos = S + HDR
}

inline write_words() {
	word(pos, REC(id));
	if :: LEN(id) == 2 -> word(pos + 1, PAY(id)) :: else fi
}

inline emit() {
#ifdef EMITTED_EARLY
	em[CAT(id)]++;
#endif
	if :: pos % SEG == 0 || pos % SEG + LEN(id) > SEG -> enter_segment()
	   :: else fi;
#ifdef COMMIT_FIRST
	store(CM, pos + LEN(id), REL);
	write_words();
#else
	write_words();                                  /* words, relaxed */
#endif
#ifndef EMITTED_EARLY
	em[CAT(id)]++;                                  /* the producer's own cell */
#endif
#if defined(COMMIT_RELAXED)
	store(CM, pos + LEN(id), RLX);
#elif !defined(COMMIT_FIRST)
	store(CM, pos + LEN(id), REL);                  /* store_release(commit) */
#endif
	pos = pos + LEN(id);
	g_end[id] = pos;
	g_ret[id] = nq
}

/* ---- the memory system ----------------------------------------------------------------------- */

active proctype memory() {
	byte i, j;
	bit ok;
	built;
	do
	:: atomic {
		first < nq && rounds < ROUNDS ->
		i = first;                              /* one store of the oldest epoch ... */
		do
		:: i < nq && q_ep[i] == q_ep[first] ->
		   ok = !landed[i];                     /* ... that nothing earlier holds back */
		   j = first;
		   do
		   :: j < i && ok ->
		      if :: !landed[j] && (q_rel[i] || q_loc[j] == q_loc[i]) -> ok = 0 :: else fi;
		      j++
		   :: else -> break
		   od;
		   if :: ok -> break :: true -> i++ fi
		:: else -> ok = 0; break
		od;
		if
		:: ok ->                                /* lands */
		   shm[q_loc[i]] = q_val[i];
		   landed[i] = 1;
		   if :: i >= top -> top = i + 1 :: else fi;
		   do :: first < nq && landed[first] -> first++ :: else -> break od
		:: else
		fi;
		i = 0; j = 0; ok = 0
	   }
	od
}

/* ---- the recoverer, for every moment of death that is possible from here ----------------------- */

hidden byte m[SIZE + 2];        /* the memory the dead process leaves */
hidden byte k, c_, h_, lo_, p_, n_, w_, r_, first_seg[2], seg_n[2], tot[2], got[2], lost[2], i_;

inline recover(use_log) {
	c_ = m[CM];
	h_ = m[HZ];
	/* nothing that returned is missing, at most the one in flight is there */
	n_ = 0; r_ = 0;
	do :: n_ < NEV && g_end[n_] <= c_ -> n_++ :: else -> break od;
	do :: r_ < NEV && g_ret[r_] <= k -> r_++ :: else -> break od;
	assert(n_ >= r_ && n_ <= r_ + 1);
	/* lo = max(horizon, commit - SIZE, last pos_end in the log) */
	lo_ = h_;
	if :: c_ > SIZE && c_ - SIZE > lo_ -> lo_ = c_ - SIZE :: else fi;
	assert(lo_ % SEG == 0);                                 /* so commit - SIZE never decides */
	assert(lo_ == 0 || c_ - lo_ >= SIZE - SEG - 1);         /* the newest NSEG-1 survive */
	got[0] = 0; got[1] = 0; lost[0] = 0; lost[1] = 0; r_ = 0;
	if
	:: use_log ->
	   got[0] = log_got[0]; got[1] = log_got[1]; lost[0] = log_lost[0]; lost[1] = log_lost[1];
	   r_ = log_end;
	   if :: log_end > lo_ -> lo_ = log_end :: else fi
	:: else
	fi;
	assert(lo_ <= c_);
	/* walk from the start of lo's segment (it is whole: lo >= horizon); below the log's end: skip */
	p_ = (lo_ / SEG) * SEG;
	seg_n[0] = 0; seg_n[1] = 0; first_seg[0] = 255;
	do
	:: p_ < c_ && p_ % SEG == 0 ->
	   w_ = m[p_ % SIZE];
	   assert(w_ / 16 == p_ / SEG);                         /* segno */
	   tot[0] = w_ % 16; tot[1] = m[(p_ + 1) % SIZE];
	   if                                                   /* the segment before was whole */
	   :: first_seg[0] != 255 ->
	      assert(tot[0] == first_seg[0] + seg_n[0]);
	      assert(tot[1] == first_seg[1] + seg_n[1])
	   :: else
	   fi;
	   first_seg[0] = tot[0]; first_seg[1] = tot[1]; seg_n[0] = 0; seg_n[1] = 0;
	   if
	   :: p_ >= r_ ->
	      assert(tot[0] >= got[0] + lost[0] && tot[1] >= got[1] + lost[1]);
	      lost[0] = tot[0] - got[0]; lost[1] = tot[1] - got[1]
	   :: else
	   fi;
	   p_ = p_ + HDR
	:: p_ < c_ && p_ % SEG != 0 ->
	   w_ = m[p_ % SIZE];
	   if
	   :: w_ == PAD -> p_ = (p_ / SEG + 1) * SEG
	   :: else ->
	      i_ = first_seg[0] + first_seg[1] + seg_n[0] + seg_n[1];
	      assert(w_ == REC(i_));
	      assert(LEN(i_) == 1 || m[(p_ + 1) % SIZE] == PAY(i_));
	      seg_n[CAT(i_)]++;
	      if
	      :: p_ >= r_ ->                                    /* not in the log yet */
	         assert(i_ == got[0] + got[1] + lost[0] + lost[1]);
	         got[CAT(i_)]++
	      :: else
	      fi;
	      p_ = p_ + LEN(i_)
	   fi
	:: else -> break
	od;
	/* the pad before a segment that was never entered may be beyond commit; else we end at commit */
	assert(p_ == c_);
	assert(got[0] + lost[0] == N0(n_) && got[1] + lost[1] == N1(n_))
}

/* the producer is killed before its store k, for each k; use_log: with this log, or the ring alone */
inline killed_anywhere(use_log) {
#ifndef LIVE_ONLY
	for (i_ : 0 .. SIZE + 1) { m[i_] = shm[i_] }
	k = 0;
	do
	:: k <= nq ->
	   if :: k >= top -> recover(use_log) :: else fi;
	   if :: k < nq && !landed[k] -> m[q_loc[k]] = q_val[k] :: else fi;
	   k++
	:: else -> break
	od;
#endif
	k = 0
}

/* ---- the live reader ------------------------------------------------------------------------- */

/* Two savings, both off with -DPLAIN.
 * 1. The horizon only rises and is loaded again after the copy.  So a word that is below the horizon in
 *    memory now will be dropped; the copy passes over it.
 * 2. A copied word is kept as it is if it is the one written at p, else as BAD: which wrong word it
 *    was makes no difference, every use of BAD below is an error. */
#define WORD(p) buf[(p) % SIZE]
#define BAD     255
#if defined(NO_RFENCE) || defined(ANYORDER)
#define PLAIN
#endif
#ifdef PLAIN
#define LOAD(p) shm[(p) % SIZE]
#else
#define LOAD(p) (shm[(p) % SIZE] == g_word[p] -> g_word[p] : BAD)
#endif

active proctype reader() {
	byte buf[SIZE];
	byte c, h, lo, p, n, w, tail;
#ifdef ANYORDER
	bit have[SIZE];
#endif
#ifdef ANYLEN
	select(lens : 0 .. (1 << NEV) - 1);
	skip;
#endif
	d_step {                        /* build the producer's store sequence */
		id = 0; pos = 0; nq = 0; ep = 0; em[0] = 0; em[1] = 0;
		do
		:: id < NEV -> emit(); id++
		:: else -> break
		od;
		built = 1;
		killed_anywhere(0)
	}
	d_step { killed_anywhere(1) }
	do
	:: rounds < ROUNDS ->
#ifdef LOAD_HOISTED
	   p = 0;
	   do :: p < SIZE -> buf[p] = shm[p]; p++ :: else -> break od;
#endif
	   c = shm[CM];                                 /* load_acquire(commit) */
	   lo = shm[HZ];                                /* lo = max(tail, horizon) */
	   d_step {
	      if :: tail > lo -> lo = tail :: else fi;
	      assert(lo >= c || c - lo <= SIZE);
	      p = lo
	   }
#ifdef NO_RFENCE
	   h = shm[HZ];
#endif
#if defined(ANYORDER)
	   p = 0;
	   do                                           /* copy [lo, c), in any order */
	   :: atomic { lo < c && p < c - lo ->
	         n = lo;
	         do :: n + 1 < c -> n++ :: break od;
	         if
	         :: !have[n % SIZE] -> WORD(n) = LOAD(n); have[n % SIZE] = 1; p++
	         :: else
	         fi;
	         n = 0 }
	   :: lo >= c || p >= c - lo -> break
	   od;
#elif !defined(LOAD_HOISTED)
	   do                                           /* copy [lo, c), relaxed */
	   :: d_step { p < c ->
#ifndef PLAIN
	         if
	         :: shm[HZ] > p ->                      /* will be dropped */
	            do :: lo < p && lo < c -> WORD(lo) = 0; lo++ :: else -> break od;
	            lo = shm[HZ]; p = lo
	         :: else ->
#endif
	         WORD(p) = LOAD(p); p++
#ifndef PLAIN
	         fi
#endif
	      }
	   :: else -> break
	   od;
#endif
#ifdef NO_RFENCE
	   skip;
#else
	   h = shm[HZ];                                 /* fence(acquire); load(horizon) */
#endif
	   d_step {
	      if :: h > lo -> lo = h :: else fi;        /* drop everything below, judge only then */
	      assert(lo == tail || lo % SEG == 0);
	      p = lo;
	      do
	      :: p < c && p % SEG == 0 ->               /* segment header: the loss */
	         w = WORD(p);
	         assert(w / 16 == p / SEG);
	         tot[0] = w % 16; tot[1] = WORD(p + 1);
	         assert(w != BAD && tot[1] != BAD);
	         assert(tot[0] >= log_got[0] + log_lost[0] && tot[1] >= log_got[1] + log_lost[1]);
	         log_lost[0] = tot[0] - log_got[0]; log_lost[1] = tot[1] - log_got[1];
	         p = p + HDR
	      :: p < c && p % SEG != 0 ->
	         w = WORD(p);
	         if
	         :: w == PAD -> p = (p / SEG + 1) * SEG
	         :: else ->
	            n = log_got[0] + log_got[1] + log_lost[0] + log_lost[1];
	            assert(n < NEV && w == REC(n));
	            assert(LEN(n) == 1 || WORD(p + 1) == PAY(n));
	            log_got[CAT(n)]++;
	            p = p + LEN(n)
	         fi
	      :: else -> break
	      od;
	      if                                        /* decoded + lost = emitted up to c */
	      :: lo < c ->
	         assert(p == c);
	         n = 0;
	         do :: n < NEV && g_end[n] <= c -> n++ :: else -> break od;
	         assert(log_got[0] + log_lost[0] == N0(n) && log_got[1] + log_lost[1] == N1(n))
	      :: else                                   /* all of [tail, c) was dropped: counted by the */
	      fi;                                       /* next header that is read */
	      log_end = c;                              /* the chunk is in the log */
	      killed_anywhere(1);
	      tail = c;                                 /* store_release(tail, c) */
	      for (p : 0 .. SIZE - 1) { buf[p] = 0;
#ifdef ANYORDER
	         have[p] = 0
#endif
	      };
	      c = 0; h = 0; lo = 0; n = 0; w = 0; p = 0;
	      rounds++
	   }
	:: else -> break
	od
}
