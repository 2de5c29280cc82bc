#!/usr/bin/python3
"""spec_reader.py - a second reader of .vtrace files, written from include/valktrace/format.h alone.

  spec_reader.py LOG                    all events as JSON lines, in order of time
  spec_reader.py --chunks LOG           offset, length, type and events of each chunk, one a line
  spec_reader.py --against TOOL LOG     compares events, times and losses with those that TOOL
                                        (valktrace) decodes; prints what differs
"""
import bisect
import json
import re
import struct
import subprocess
import sys

import lz4.block
import zstandard

NONE = 0xffffffff
EVENTS, SCHEMA, STRINGS, COUNTERS, LOSS, PROCESS, THREADS = 1, 2, 3, 4, 5, 7, 11
INDEX, FOOTER = 6 | 0x8000, 10 | 0x8000
UINT, GAUGE, INT, BOOL, ENUM, STRING, FLOAT, TEXT = range(1, 9)
MAX_RAW, MAX_STORED, MAX_EVENTS = 1 << 20, 1114112, 1 << 20
COMMITTED = 0xffff
UNITS = {1: '_ns', 2: '_bytes'}
FIXED = ('t_ns', 'run', 'pid', 'tid', 'thread', 'category', 'event')


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82f63b78 if n & 1 else n >> 1
        table.append(n)
    return table


CRC = crc_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xffffffff


class Damage(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Damage(what)


def unpack(codec, frame, raw):
    check(raw <= MAX_RAW, 'raw')
    if codec == 2:
        out = zstandard.ZstdDecompressor().decompress(frame, max_output_size=raw) if raw else b''
    elif codec == 1:
        out = lz4.block.decompress(frame, uncompressed_size=raw)
    else:
        check(codec == 0, 'codec')
        out = frame
    check(len(out) == raw, 'raw length')
    return out


class Body:
    """Reads the fields of one record."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from('<' + form, self.data, self.at)
        self.at += struct.calcsize('<' + form)
        return values if len(values) > 1 else values[0]

    def str(self):
        n = self.take('H')
        check(self.at + n <= len(self.data), 'str')
        self.at += n
        return self.data[self.at - n:self.at]


def records(payload):
    at = 0
    while at < len(payload):
        length, kind = struct.unpack_from('<IH', payload, at)
        check(length >= 8 and length % 8 == 0 and at + length <= len(payload), 'record')
        yield kind, Body(payload[at + 8:at + length])
        at += length


def column(data, at, width, shift, count):
    """Values of one column and where the next one begins."""
    whole, rest = divmod(width, 8)
    check(width <= 64 and rest in (0, 1, 2, 4) and shift < 64, 'column')
    size = whole * count + (count * rest + 7) // 8
    check(at + size <= len(data), 'columns beyond the section')
    values = [0] * count
    for plane in range(whole):
        begin = at + plane * count
        values = [v | b << 8 * plane for v, b in zip(values, data[begin:begin + count])]
    if rest:
        begin, each, mask = at + whole * count, 8 // rest, (1 << rest) - 1
        values = [v | (data[begin + i // each] >> i % each * rest & mask) << 8 * whole
                  for i, v in enumerate(values)]
    if shift:
        values = [v << shift & (1 << 64) - 1 for v in values]
    return values, at + size


def unzigzag(v):
    return v >> 1 ^ -(v & 1)


class Log:
    def __init__(self, data):
        self.data = data
        self.chunks, self.notes, self.seen = [], [], {}
        self.categories, self.enums, self.types = {}, {}, {}
        self.strings, self.processes, self.threads = {}, {}, {}
        self.sections, self.anchors, self.gaps, self.totals = [], [], [], {}
        self.calls = {}
        self.counts = {}
        self.index, self.closed, self.recovered = {}, False, 0
        self.header()
        self.tail()
        self.walk()

    def header(self):
        d = self.data
        check(d[:8] == b'\x89VTL\r\n\x1a\n', 'magic')
        check(len(d) >= 128 and crc32c(d[:124]) == struct.unpack_from('<I', d, 124)[0], 'file header')
        major, _, self.begin, incompat = struct.unpack_from('<HHII', d, 8)
        check(major == 1 and incompat == 0 and 128 <= self.begin <= 4096, 'version')
        self.run, = struct.unpack_from('<Q', d, 24)
        _, monotonic, self.ticks, self.hz = struct.unpack_from('<QQQQ', d, 40)
        self.anchor(self.ticks, monotonic)

    def tail(self):
        d = self.data[-64:]
        self.end = len(self.data)
        if d[:8] == b'VTRCTAIL' and crc32c(d[:60]) == struct.unpack_from('<I', d, 60)[0]:
            run, self.footer, length, self.tail_chunks, self.tail_events = struct.unpack_from('<5Q', d, 8)
            self.closed = run == self.run and length == len(self.data)
            if self.closed:
                self.end -= 64

    def chunk(self, at):
        d = self.data
        h = d[at:at + 128]
        check(len(h) == 128 and h[:8] == b'VTLCHNK1', 'mark')
        run, length, kind, codec, flags, sections, stored, raw = struct.unpack_from('<QHHBBHII', h, 8)
        check(128 <= length <= 1024 and length % 8 == 0 and stored <= MAX_STORED, 'chunk header')
        crc, = struct.unpack_from('<I', h, 124)
        check(crc32c(h[:124] + d[at + 128:at + length]) == crc, 'chunk header crc')
        total = length + (stored + 7) // 8 * 8 + 16
        check(at + total <= self.end, 'truncated')
        check(struct.unpack_from('<II8s', d, at + total - 16) == (total, crc, b'1KNHCLTV'), 'trailer')
        sequence, ring, process, pos, pos_end = struct.unpack_from('<QIIQQ', h, 32)
        first, events, _, t_min, t_max, categories = struct.unpack_from('<QIIQQQ', h, 64)
        crc_stored, crc_raw, crc_table_ = struct.unpack_from('<III', h, 112)
        payload = d[at + length:at + length + stored]
        self.chunks.append((at, total, kind, events))
        entry = (total, kind, ring, process, t_min, t_max, categories, events)
        if run != self.run:
            return total
        if kind == EVENTS:
            self.events(payload, sections, crc_table_, ring, process, pos, pos_end, events)
        elif kind in self.readers:
            check(crc32c(payload) == crc_stored, 'payload crc')
            raw_payload = unpack(codec, payload, raw)
            check(crc32c(raw_payload) == crc_raw, 'raw crc')
            self.recovered = flags & 1
            for rec, body in records(raw_payload):
                self.readers[kind](self, rec, body, process)
        elif not kind & 0x8000:
            self.notes.append('unknown chunk type %d' % kind)
        self.seen[at] = entry
        return total

    def walk(self):
        at, bad = self.begin, None
        while at < self.end:
            try:
                size = self.chunk(at)
                if bad is not None:
                    self.notes.append('damaged: %d..%d' % (bad, at))
                bad = None
                at += size
            except (Damage, struct.error) as e:
                if bad is None:
                    bad = at
                    self.notes.append('%s at %d' % (e, at))
                sync = self.data.find(b'VTLCHNK1' + struct.pack('<Q', self.run), at + 1)
                while sync >= 0 and (sync - self.begin) % 8:
                    sync = self.data.find(b'VTLCHNK1' + struct.pack('<Q', self.run), sync + 1)
                at = sync if sync >= 0 else self.end
        if bad is not None:
            self.notes.append('damaged: %d..%d' % (bad, at))
        try:
            self.check_index()
        except Damage as e:
            self.notes.append('index: %s' % e)

    def check_index(self):
        if not self.closed:
            return
        check(self.footer in self.seen and self.seen[self.footer][1] == FOOTER, 'footer')
        check(len(self.chunks) == self.tail_chunks, 'chunks in tail')
        check(sum(c[3] for c in self.chunks if c[2] == EVENTS) == self.tail_events, 'events in tail')
        for at, entry in self.index.items():
            check(self.seen.get(at) == entry, 'index entry of %d' % at)
        for at, _, kind, _ in self.chunks:
            check(at in self.index or kind in (INDEX, FOOTER), 'chunk %d is not in the index' % at)

    # ---- records ------------------------------------------------------------------------------

    def on_schema(self, kind, b, process):
        if kind == 1:
            number = b.take('B')
            self.categories[process, number] = b.str()
        elif kind == 2:
            number, _, n = b.take('H'), b.str(), b.take('H')
            self.enums[process, number] = {b.take('I'): b.str() for _ in range(n)}
        elif kind == 3:
            number, flags, n = b.take('HBB')
            name, _ = b.str(), b.str()
            fields = []
            for _ in range(n):
                kind, unit, flags, enum = b.take('BBBH')
                fields.append((kind, unit, flags, self.enums.get((process, enum)), b.str()))
                b.str()
            self.types[process, number] = name, fields

    def on_strings(self, kind, b, process):
        if kind == 1:
            number, _ = b.take('IB')
            self.strings[process, number] = b.str()

    def on_counters(self, kind, b, _process):
        if kind == 1:
            _, ticks, monotonic = b.take('QQQ')
            if self.recovered:
                return
        elif kind == 2:
            ticks, monotonic, _ = b.take('QQQ')
        elif kind == 3:
            process, n, _, sequence, _ = b.take('IHHQQ')
            calls = {}
            for _ in range(n):
                number, category, _, _, count, errors, time, _, least, most = b.take('HBBIQQQQQQ')
                check(errors <= count and least <= most <= time and number not in calls, 'calls')
                name = b.str()
                b.at += -(2 + len(name)) % 8
                calls[number] = name.decode('utf-8', 'replace') or number, category, count, errors, time
            self.calls[process] = max(self.calls.get(process, (0,)), (sequence, calls), key=lambda c: c[0])
            return
        else:
            return
        self.anchor(ticks, monotonic)

    def on_loss(self, kind, b, _process):
        if kind == 1:
            ring, cause, c, begin, end, _, _ = b.take('IHHQQQQ')
            for _ in range(c):
                events, category, _, _ = b.take('QHHI')
                self.gaps.append((ring, cause, begin, category, events))
        elif kind == 2:
            ring, n, _ = b.take('IHH')
            for _ in range(n):
                category, cause, _, events = b.take('HHIQ')
                self.totals.setdefault(ring, {})[category, cause] = events

    def on_process(self, kind, b, _process):
        if kind == 1:
            index, _, pid = b.take('III')
            self.processes[index] = pid

    def on_threads(self, kind, b, _process):
        if kind == 1:
            ring, process, tid, _, _, signal = b.take('IIIIIB')
            self.threads[ring] = tid, signal, b.str()

    def on_index(self, kind, b, _process):
        if kind == 1:
            at, *rest = b.take('QIHHIIQQQI')
            self.index[at] = rest[0], rest[1], *rest[3:]

    def on_footer(self, kind, b, _process):
        if kind == 1:
            n, _ = b.take('II')
            for _ in range(n):
                check(self.seen[b.take('Q')][1] == INDEX, 'footer leads to no index')

    readers = {SCHEMA: on_schema, STRINGS: on_strings, COUNTERS: on_counters, LOSS: on_loss,
               PROCESS: on_process, THREADS: on_threads, INDEX: on_index, FOOTER: on_footer}

    # ---- events ---------------------------------------------------------------------------------

    def events(self, payload, count, crc, ring, process, pos, pos_end, events):
        check(1 <= count <= 64 and count * 64 <= len(payload), 'sections')
        check(crc32c(payload[:count * 64]) == crc, 'section table crc')
        if any(r == ring and p < pos_end and pos < e for r, p, e, _ in self.sections):
            return
        table = []
        at, sum_events = count * 64, 0
        for i in range(count):
            e = struct.unpack_from('<BBHIIIIIQQQIIQ', payload, i * 64)
            table.append((e, payload[at:at + e[3]]))
            sum_events += e[6]
            at += (e[3] + 7) // 8 * 8
        check(at == len(payload) or at == (len(payload) + 7) // 8 * 8, 'sections fill the payload')
        check(sum_events == events, 'events')
        out = []
        for e, stored in table:
            category, codec, types, _, frame, raw, n, _, t_min, t_max, first, crc_stored, crc_raw, _ = e
            check(len(stored) * 512 >= raw and frame <= len(stored) and n <= MAX_EVENTS, 'section')
            check(crc32c(stored) == crc_stored, 'section crc')
            data = unpack(codec, stored[:frame], raw)
            check(crc32c(data) == crc_raw, 'section raw crc')
            out.append((category, first, n, self.section(data, types, n, t_min, t_max, process)))
        self.sections.append((ring, pos, pos_end, (process, out)))

    def section(self, data, ntypes, count, t_min, t_max, process):
        """(ticks, event id, fields of the type or None, values) of each event."""
        types = [struct.unpack_from('<HHI', data, 8 * i) for i in range(ntypes)]
        widths_at = 8 * ntypes
        ncolumns = 2 + sum(t[1] for t in types)
        shifts_at = widths_at + ncolumns
        shapes = list(zip(data[widths_at:shifts_at], data[shifts_at:shifts_at + ncolumns]))
        check(len(shapes) == ncolumns, 'section head')
        at = (shifts_at + ncolumns + 7) // 8 * 8
        which, at = column(data, at, *shapes[0], count)
        deltas, at = column(data, at, *shapes[1], count)
        ticks, t = [], t_min
        for i, delta in enumerate(deltas):
            t = t + delta + 1 if i else t_min
            ticks.append(t)
        check(t == t_max and sum(t[2] for t in types) == count, 'section counts')
        columns, texts, n = [], [], 2
        for number, fields, events in types:
            known = self.type(process, number)
            mine = []
            for f in range(fields):
                values, at = column(data, at, *shapes[n], events)
                n += 1
                kind = known[1][f][0] if known and f < len(known[1]) else UINT
                if kind == INT:
                    values = [unzigzag(v) for v in values]
                elif kind == GAUGE:
                    last = 0
                    for i, v in enumerate(values):
                        last = last + unzigzag(v) & (1 << 64) - 1
                        values[i] = last
                elif kind == FLOAT:
                    values = [struct.unpack('<d', struct.pack('<Q', v))[0] for v in values]
                elif kind == TEXT:
                    texts.append(values)
                mine.append(values)
            columns.append(mine)
        for values in texts:
            for i, length in enumerate(values):
                values[i] = data[at:at + length]
                at += length
        check(at == len(data), 'columns fill the section: %d of %d' % (at, len(data)))
        cursor, out = [0] * ntypes, []
        for i in range(count):
            w = which[i]
            row = cursor[w]
            cursor[w] += 1
            out.append((ticks[i], types[w][0], [c[row] for c in columns[w]]))
        check(all(cursor[i] == types[i][2] for i in range(ntypes)), 'types')
        return out

    def category(self, process, number):
        name = self.categories.get((process, number)) or self.categories.get((NONE, number))
        return name.decode() if name else '#%d' % number

    def type(self, process, number):
        return self.types.get((process, number)) or self.types.get((NONE, number))

    # ---- what comes out ---------------------------------------------------------------------------

    def anchor(self, ticks, monotonic):
        if not self.anchors or abs(ticks - self.anchors[-1][0]) >= self.hz // 100:
            self.anchors.append((ticks, monotonic))

    def clock(self):
        """Anchors that count, and the rate outside of them."""
        a, hz = [], self.hz or 10**9
        for ticks, ns in sorted(self.anchors):
            if not a or (ticks > a[-1][0] and ns > a[-1][1]):
                a.append((ticks, ns))
        (t0, n0), (t1, n1) = a[0], a[-1]
        return a, (n1 - n0 << 40) // (t1 - t0) if t1 - t0 >= hz else (10**9 << 40) // hz

    def ns(self, ticks):
        a, outside = self.clocks
        i = bisect.bisect_right(a, (ticks, 1 << 64)) - 1
        if i < 0:
            return a[0][1] - ((a[0][0] - ticks) * outside >> 40)
        (t, n), rate = a[i], outside
        if i + 1 < len(a):
            rate = (a[i + 1][1] - n << 40) // (a[i + 1][0] - t)
        return n + ((ticks - t) * rate >> 40)

    def t_ns(self, ticks):
        return max(0, self.ns(ticks) - self.ns(self.ticks))

    def value(self, process, field, v):
        kind, _, _, enum, _ = field
        if kind == STRING:
            text = self.strings.get((process, v))
            return text.decode('utf-8', 'replace') if text is not None else '#%d' % v
        if kind == TEXT:
            return v.decode('utf-8', 'replace')
        if kind == ENUM:
            return enum[v].decode() if enum and v in enum else v
        if kind == BOOL:
            return bool(v)
        if kind != FLOAT and abs(v) >= 1 << 53:
            return str(v)
        return v

    def all(self):
        self.clocks = self.clock()
        rows = []
        for ring, pos, _, (process, sections) in self.sections:
            tid, _, name = self.threads.get(ring, (0, 0, b''))
            for category, _, _, events in sections:
                for ticks, number, values in events:
                    rows.append((ticks, process, ring, pos, category, number, values, tid, name))
        rows.sort(key=lambda r: r[:4])
        for ticks, process, ring, _, category, number, values, tid, thread in rows:
            known = self.type(process, number)
            out = {'t_ns': self.t_ns(ticks), 'run': '%016x' % self.run,
                   'pid': self.processes.get(process), 'tid': tid,
                   'thread': thread.decode('utf-8', 'replace'),
                   'category': self.category(process, category),
                   'event': known[0].decode() if known else '#%d' % number}
            for field, v in zip(known[1] if known else (), values):
                if field[2] & 1 and not v:
                    continue
                key = field[4].decode() + UNITS.get(field[1], '')
                out['field_' + key if key in FIXED else key] = self.value(process, field, v)
            yield ticks, out

    def accounts(self):
        """(decoded or lost, tid, category): how many; those of the rings with events or totals."""
        rings, process_of = {}, {}
        for ring, pos, _, (process, sections) in self.sections:
            process_of[ring] = process
            for category, first, n, _ in sections:
                rings.setdefault(ring, {}).setdefault(category, []).append((pos, first, n))
        out = {}
        for ring in sorted(set(rings) | set(self.totals) - {NONE}):
            decoded = {c: sum(n for _, _, n in s) for c, s in rings.get(ring, {}).items()}
            lost = {}
            if ring in self.totals:
                for (category, _), events in self.totals[ring].items():
                    lost[category] = lost.get(category, 0) + events
                for category, n in decoded.items():
                    lost[category] = lost.get(category, 0) - n
            else:
                for category, parts in rings[ring].items():
                    after = 0
                    for _, first, n in sorted(parts):
                        lost[category] = lost.get(category, 0) + first - after
                        after = first + n
                for r, cause, _, category, events in self.gaps:
                    if r == ring and 1 <= cause <= 5:
                        lost[category] = lost.get(category, 0) + events
            for which, counts in (('decoded', decoded), ('lost', lost)):
                for category, n in counts.items():
                    if n:
                        key = (which, self.threads.get(ring, (0,))[0],
                               self.category(process_of.get(ring, NONE), category))
                        out[key] = out.get(key, 0) + n
        return out


# ---- comparison -----------------------------------------------------------------------------------

def tool_lines(tool, *arguments):
    return subprocess.run([tool, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout.decode('utf-8', 'replace').split('\n')[:-1]


def plain(value):
    """One form for texts that two programs escape and repair differently."""
    return re.sub('\ufffd+', '\ufffd', value) if isinstance(value, str) else value


def compare(tool, path, log):
    differences = []
    theirs = [json.loads(line) for line in tool_lines(tool, 'decode', '--format', 'json', path)]
    theirs = [e for e in theirs if e['category'] is not None]
    ticks = [int(line.split()[0]) for line in tool_lines(tool, 'decode', '--time', 'ticks', path)
             if ' gap ' not in line and ' lost ' not in line]
    mine = list(log.all())
    if len(theirs) != len(mine):
        differences.append('%d events, the tool says %d' % (len(mine), len(theirs)))
    for i, ((t, a), b) in enumerate(zip(mine, theirs)):
        ns, other = a.pop('t_ns'), b.pop('t_ns')
        if ns != other:
            differences.append('event %d: at %d ns, the tool says %d' % (i, ns, other))
        if {k: plain(v) for k, v in a.items()} != {k: plain(v) for k, v in b.items()}:
            differences.append('event %d: %s, the tool says %s' % (i, a, b))
        if list(a) != list(b):
            differences.append('event %d: keys %s, the tool says %s' % (i, list(a), list(b)))
    if len(ticks) == len(mine):
        for i, ((t, _), other) in enumerate(zip(mine, ticks)):
            if t != other:
                differences.append('event %d: ticks %d, the tool says %d' % (i, t, other))
    else:
        differences.append('%d events, --time ticks has %d' % (len(mine), len(ticks)))

    info = json.loads('\n'.join(tool_lines(tool, 'info', '--json', path)))
    accounts = {}
    for thread in info['threads']:
        for which in ('decoded', 'lost'):
            for name, n in thread[which].items():
                if n:
                    accounts[which, thread['tid'], name] = accounts.get((which, thread['tid'], name), 0) + n
    own = log.accounts()
    if own != accounts:
        differences.append('accounts %s, the tool says %s' % (own, accounts))
    calls = {}
    for _, of_process in log.calls.values():
        for name, category, count, errors, time in of_process.values():
            name = name if isinstance(name, str) else '#%d' % (name - 192 if name >= 192 else name)
            key = name, log.category(NONE, category)
            calls[key] = tuple(a + b for a, b in zip(calls.get(key, (0, 0, 0)), (count, errors, time)))
    summary = json.loads('\n'.join(tool_lines(tool, 'summary', '--json', path)) or '{}')
    theirs = {(name.split('#' + c['category'])[0], c['category']):
              (c['count'], c['errors'], int(c['total_ns'])) for name, c in summary.get('calls', {}).items()}
    if calls != theirs:
        differences.append('calls %s, the tool says %s' % (calls, theirs))
    if info['closed'] != log.closed:
        differences.append('closed %s, the tool says %s' % (log.closed, info['closed']))
    return differences, len(mine)


def main(arguments):
    path = arguments[-1]
    with open(path, 'rb') as f:
        data = f.read()
    try:
        log = Log(data)
    except Damage as e:
        print('%s: %s' % (path, e), file=sys.stderr)
        return 4
    if arguments[0] == '--against':
        differences, events = compare(arguments[1], path, log)
        for line in differences[:20]:
            print(line)
        print('%d events, %d differences, %d notes' % (events, len(differences), len(log.notes)))
        return 1 if differences else 0
    if arguments[0] == '--chunks':
        for at, total, kind, events in log.chunks:
            print(at, total, kind, events)
    else:
        for _, event in log.all():
            print(json.dumps(event, ensure_ascii=False))
    for note in log.notes:
        print('%s: %s' % (path, note), file=sys.stderr)
    return 3 if log.notes else 0


if __name__ == '__main__':
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
