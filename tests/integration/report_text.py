"""report_text.py PAGE SUMMARY.json - reads a page of `valktrace report` as something that runs no script does,
and holds its numbers against `valktrace summary --json`. Prints one `ok` or `not ok` line a check."""
import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser

page = open(sys.argv[1], encoding='utf-8', newline='').read()
# What a double cannot hold is a string there.
summary = json.loads(open(sys.argv[2]).readline(), object_hook=lambda o: {
    k: int(v) if isinstance(v, str) and re.fullmatch(r'\d{16,}', v) else v for k, v in o.items()})
TAGS = set('html head meta title style body h1 h2 h3 article header section nav ul li a p dl dt dd div span code pre '
           'table caption thead tbody tr th td data svg rect figure figcaption label select optgroup option '
           'details summary noscript script time'.split())
VOID = {'meta', 'rect'}
OPTIONAL = {'li', 'tr', 'th', 'td', 'option'}   # their end tags may be left out


def check(name, good, why=''):
    print(('ok ' if good else 'not ok ') + name)
    if not good:
        print('    ' + str(why)[:600])


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.faults, self.tags, self.ids = [], [], set(), []
        self.elements = []              # (tag, attributes, text so far), scripts and styles too
        self.cards, self.tables = {}, {}
        self.links, self.attributes = [], set()
        self.table = self.row = self.cell = self.card = None
        self.value = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(attrs)
        if 'id' in attrs:
            self.ids.append(attrs['id'])
        if 'href' in attrs:
            self.links.append(attrs['href'])
        while self.stack and tag in OPTIONAL and self.stack[-1] in OPTIONAL and (
                self.stack[-1] == tag or tag == 'tr' or {tag, self.stack[-1]} == {'th', 'td'}):
            self.stack.pop()
        if tag not in VOID:
            self.stack.append(tag)
        self.elements.append([tag, attrs, ''])
        if tag == 'caption':
            self.table = []
        elif tag == 'tr' and self.table is not None:
            self.table.append([])
        elif tag in ('th', 'td') and self.table:
            self.table[-1].append({'text': '', 'value': None})
        elif tag == 'dt':
            self.card = None
        elif tag == 'data':
            value = int(attrs['value']) if re.fullmatch(r'\d+', attrs['value']) else float(attrs['value'])
            if self.table and self.table[-1] and self.table[-1][-1]['value'] is None:
                self.table[-1][-1]['value'] = value
            elif self.card and self.card['value'] is None:
                self.card['value'] = value

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        while self.stack and self.stack[-1] != tag and self.stack[-1] in OPTIONAL:
            self.stack.pop()
        if not self.stack or self.stack.pop() != tag:
            self.faults.append('</%s> in %s' % (tag, self.stack))
        if tag == 'table':
            self.table = None
        if tag == 'dl':
            self.card = None

    def handle_data(self, text):
        if not self.stack:
            return
        self.elements[-1][2] += text if self.elements[-1][0] in ('script', 'style', 'title') else ''
        if self.stack[-1] == 'caption':
            self.tables.setdefault(text, self.table)
        elif self.stack[-1] == 'dt':
            self.card = self.cards.setdefault(text, {'text': '', 'value': None})
        elif self.table and self.table[-1]:
            self.table[-1][-1]['text'] += text.strip('\n')
        elif self.card is not None and 'dd' in self.stack and not self.card['text']:
            self.card['text'] = text


def hash_of(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def rows(caption):
    """{first column: [cells]} of a table; {} if there is none."""
    table = p.tables.get(caption) or []
    return {row[0]['text'].strip(): row[1:] for row in table[1:] if row}


def same(name, got, want):
    check(name, got == want, 'got %r, expected %r' % (got, want))


p = Page()
p.feed(page)
p.close()

# ---- form: nothing that a stranger wrote, nothing from elsewhere --------------------------------------------

check('elements end where they should', not p.faults and not p.stack, (p.faults, p.stack))
check('only elements that we write', p.tags <= TAGS, p.tags - TAGS)
check('no handlers and no style in attributes', not [a for a in p.attributes if a.startswith('on') or a == 'style'],
      p.attributes)
check('nothing is loaded', not p.attributes & {'src', 'srcset', 'action', 'data', 'poster', 'background'}, p.attributes)
check('links stay in the page', all(l.startswith('#') and l[1:] in p.ids for l in p.links), p.links)
check('ids are unique', len(p.ids) == len(set(p.ids)), p.ids)
policy = [a['content'] for t, a, _ in p.elements if a.get('http-equiv') == 'Content-Security-Policy'][0]
scripts = [(a, text) for t, a, text in p.elements if t == 'script']
check('one script beside the data', len([a for a, _ in scripts if a.get('type') != 'application/json']) == 1)
code, styles = [re.findall('<%s>(.*?)</%s>' % (t, t), page, re.S) for t in ('script', 'style')]
check('one script, one style sheet', len(code) == 1 and len(styles) == 1, (len(code), len(styles)))
check('the policy names both by their hashes, and nothing else', policy ==
      "default-src 'none'; script-src %s; style-src %s; base-uri 'none'; form-action 'none'" %
      (hash_of(code[0]), hash_of(styles[0])), policy)
check('no script comes along from elsewhere', not re.search(r'sourceMappingURL|@import|url\(', code[0] + styles[0]))
data = [json.loads(text) for a, text in scripts if a.get('type') == 'application/json']
check('data that JSON readers take', all(d['charts'] is not None for d in data))
headings = [int(t[1]) for t, _, _ in p.elements if re.fullmatch('h[1-6]', t)]
check('headings leave out no level', headings[0] == 1 and all(b - a <= 1 for a, b in zip(headings, headings[1:])), headings)
check('at most 2 MB', len(page.encode()) <= 2000000, len(page.encode()))

# ---- numbers -----------------------------------------------------------------------------------------------

check('the seventeen cards are there', {'GC Cycles', 'Total Pause', 'Max Pause', 'Avg Pause', 'Heap Used', 'Heap Total',
      'Utilization', 'Reclaimed', 'Evaluations', 'Function Calls', 'Builtin Calls', 'Max Stack', 'Closures', 'Env Lookups',
      'Iterations', 'Events', 'Idle Time'} <= set(p.cards), sorted(p.cards))
gc, counters = summary.get('gc', {}), {k: int(v) for k, v in summary['counters'].items()}
pauses, heap = gc.get('pauses', {}), gc.get('heap', {})
for card, want in [('GC Cycles', gc.get('cycles')), ('Total Pause', pauses.get('total_ns')),
                   ('Max Pause', pauses.get('max_ns')), ('Avg Pause', pauses.get('mean_ns')),
                   ('Heap Used', heap.get('used_last_bytes')), ('Heap Total', heap.get('total_bytes')),
                   ('Reclaimed', gc.get('reclaimed_bytes'))]:
    if gc:
        same(card, p.cards[card]['value'], want)
for card, key in [('GC Cycles', 'gc_cycles'), ('Total Pause', 'gc_pause_time_ns'), ('Max Pause', 'gc_pause_max_ns'),
                  ('Heap Used', 'gc_heap_used_bytes'), ('Heap Total', 'gc_heap_total_bytes'),
                  ('Reclaimed', 'gc_reclaimed_bytes')]:
    if gc:
        continue
    if key in counters and not (key.startswith('gc_pause') and counters[key] == 0):
        same(card + ', of counters', p.cards[card]['value'], counters[key])
    else:
        same(card + ', absent, is a dash', p.cards[card]['text'], '\u2013')
for card, key in [('Evaluations', 'interp_evals'), ('Function Calls', 'interp_calls'), ('Builtin Calls', 'interp_builtins'),
                  ('Max Stack', 'interp_depth_max'), ('Closures', 'interp_closures'), ('Env Lookups', 'interp_lookups'),
                  ('Iterations', 'loop_iterations'), ('Events', 'loop_events'), ('Idle Time', 'loop_idle_time_ns')]:
    same(card, p.cards[card]['value'], counters.get(key))
    if key not in counters:
        same(card + ', absent, is a dash', p.cards[card]['text'], '\u2013')
us = {'Total Pause': pauses.get('total_ns'), 'Max Pause': pauses.get('max_ns'), 'Idle Time': counters.get('loop_idle_time_ns')}
for card, ns in us.items():
    if ns and ns >= 500:
        text = p.cards[card]['text']
        unit = re.fullmatch(r'(\d+)\u00b5s|(\d+\.\d)ms|(\d+\.\d\d)s', text)
        check('%s is short as it should be' % card, unit and abs(sum(float(g) * f for g, f in zip(unit.groups(), (1e3, 1e6, 1e9))
              if g) - ns) <= max(500, ns * 0.05), (text, ns))

buckets = rows('Pauses by length')
statuses = {k[-3:]: v for k, v in counters.items() if k.startswith('http_requests_') and v > 0}
if statuses:
    same('HTTP: requests', p.cards['Requests']['value'], sum(statuses.values()))
    same('... by status', {k: r[0]['value'] for k, r in rows('Requests by status').items()}, statuses)
    took = summary['histograms']['valk_http_request_duration_seconds']
    same('... by duration', sorted(r[0]['value'] for r in rows('Requests by duration').values() if r[0]['value']),
         sorted(took['buckets_up_to'].values()))
    same('HTTP: sent', p.cards['Sent']['value'], counters['http_sent_bytes'])
counted = summary['histograms'].get('valk_gc_pause_duration_seconds', {}) if not gc else {}
same('the histogram adds up to the pauses', sum(r[0]['value'] for r in buckets.values()),
     counted.get('count', 0) if not gc else pauses.get('count', 0))
want = sorted((counted.get('buckets_up_to', {}) if not gc else pauses.get('buckets_below_ns', {})).values())
same('... bucket by bucket', sorted(r[0]['value'] for r in buckets.values() if r[0]['value']), want)
for name, row in rows('Time in cycles').items():
    if name in gc.get('phases_ns', {}):
        same('phase ' + name, row[0]['value'], gc['phases_ns'][name])
for name, key in [('p50', 'p50_ns'), ('p99', 'p99_ns'), ('p99.9', 'p99_9_ns'), ('longest', 'max_ns')]:
    row = rows('Pause percentiles (\u00b10.8 %)').get(name)
    if row:
        same('percentile ' + name, row[0]['value'], pauses[key])

table = rows('Events by type')
same('every type of event', {k: r[0]['value'] for k, r in table.items()},
     {k.split('#')[0]: v['count'] for k, v in summary['events'].items()})
timed = {k: v for k, v in summary['events'].items() if 'total_ns' in v}
same('... and its times', {k: [c['value'] for c in table[k][2:]] for k in timed},
     {k: [v['total_ns'], v['p50_ns'], v['p99_ns'], v['max_ns']] for k, v in timed.items()})
same('events of threads', sorted(r[0]['value'] for r in rows('Threads').values()),
     sorted(t['events'] for t in summary['threads'].values()))
same('lost events of threads', sum(r[2]['value'] for r in rows('Threads').values()),
     sum(t['lost'] for t in summary['threads'].values()))
calls = rows('System and library calls, most time first')
same('calls', {k: [c['value'] for c in r if c['value'] is not None] for k, r in calls.items()},
     {k.split('#ipc')[0]: [v['count'], v['errors'], v['total_ns'], v['mean_ns'], v['min_ns'], v['max_ns']]
      for k, v in list(summary.get('calls', {}).items())[:40]})
functions = rows('Top functions by the time spent in them')
want = dict(list(summary.get('functions', {}).items())[:20])
same('functions', sorted([c['value'] for c in r if c['value'] is not None][:3] for r in functions.values()),
     sorted([v['calls'], v['exclusive_ns'], v['inclusive_ns']] for v in want.values()))
if 'paging' in summary:
    paging = rows('Paging of the whole machine')
    same('paging', [paging[k][0]['value'] for k in ('read from devices', 'page faults', 'major page faults')],
         [int(summary['paging'][k]) for k in ('paged_in_bytes', 'faults', 'major_faults')])
if 'process' in summary and len(summary['processes']) == 1:
    s = {k: int(v) for k, v in summary['process'].items()}
    same('CPU', p.cards['CPU']['value'], s['cpu_user_ns'] + s['cpu_system_ns'])
    same('memory', p.cards['Peak memory']['value'], s['peak_resident_bytes'])
for source, caption in [('process_perf', 'Of the recorded processes'), ('perf', 'Of the whole machine')]:
    states = summary['available'].get(source, {})
    table = rows(caption)
    same('%s: each event has a row' % source, len(table), len(states))
    for name, state in states.items():
        row = [r for k, r in table.items() if k.replace('-', '_').lower() in name.lower().replace('l1d_', 'l1_dcache_')
               .replace('l1i_', 'l1_icache_')]
        if state['available'] and 'total' in state:
            check('%s is in its table' % name, any(r[0]['value'] == state['total'] for r in row), row)
    lacking = sorted('Not available on this system: ' + v['reason'] for v in states.values() if not v['available'])
    same('%s: those that lack say why' % source, sorted(r[0]['text'] for r in table.values() if len(r) == 1), lacking)
if 'thresholds' in summary:
    same('rules that were violated', sorted(rows('Rules that were violated')), sorted(t['rule'] for t in summary['thresholds']))

# ---- what the charts are drawn from ---------------------------------------------------------------------------

charts = {c['key']: c for c in data[0]['charts']}
if pauses.get('count') and summary['completeness'].get('kept_by_filters') is None:
    y = [float(v) for v in charts['pauses']['y'][0]]
    same('the longest pause is drawn', max(y), float(pauses['max_ns']))
    if 'per_ns' not in charts['pauses']:
        same('each pause is drawn', len(y), pauses['count'])
        same('... with its length', sum(y), float(pauses['total_ns']))
if 'threads' in charts:
    drawn = sorted(sum(y) for y in charts['threads']['y'])
    want = sorted(t['events'] for k, t in summary['threads'].items() if not t['name'].startswith('warn:'))
    same('events of threads are all drawn', drawn, [n for n in want if n > 0][-16:])
