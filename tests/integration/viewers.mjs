// viewers.mjs chrome|perfetto|speedscope FILE - reads an export as a viewer does and prints, as JSON, what
// it found: slices, points, counters, arrows, names, and under `wrong` each rule of the format that is broken.
// `sandwich` reads the table of that name in the page of speedscope itself: total and own ns by function.
// FILE of perfetto is what protoc --decode made of it. `same A B` compares two such results.
import { readFileSync } from 'node:fs';

const wrong = [];
const slices = [], instants = [], series = {}, tracks = {};
let flows = 0, arrows = 0;

const complain = text => { if (wrong.length < 20) wrong.push(text); };
// 12.345 us as ns, exactly
const ns = us => Math.round(us * 1000);

// Slices of one track, in order of time: each is inside the one that is open, or behind it.
function nest(name, list) {
	const stack = [];
	let last = 0;
	const leave = e => {
		const s = stack.pop();
		s.end = e.at;
		s.args = { ...s.args, ...e.args };
	};
	list.sort((a, b) => a.at - b.at);               // stable
	for (const e of list) {
		while (stack.length && stack.at(-1).until !== undefined && stack.at(-1).until <= e.at)
			leave({ at: stack.at(-1).until });
		if (e.type === 'end') {
			if (!stack.length || stack.at(-1).until !== undefined)
				complain(`${name}: an end at ${e.at} that ends nothing`);
			else {
				if (e.name !== undefined && e.name !== stack.at(-1).name)
					complain(`${name}: ${e.name} ends at ${e.at}, ${stack.at(-1).name} is innermost`);
				leave(e);
			}
			continue;
		}
		if (e.until !== undefined)
			for (const s of stack)
				if (s.until < e.until)
					complain(`${name}: ${e.name} at ${e.at} cuts ${s.name}`);
		const slice = { track: name, name: e.name, category: e.category, begin: e.at, end: null,
		                depth: stack.length, args: e.args, until: e.until };
		slices.push(slice);
		stack.push(slice);
	}
	while (stack.length && stack.at(-1).until !== undefined)
		leave({ at: stack.at(-1).until });
	if (stack.some(s => s.until !== undefined))
		complain(`${name}: a slice that is open is in one that is over`);
}

function enclosing(track, at) {
	return slices.some(s => s.track === track && s.begin <= at && (s.end === null || at <= s.end));
}

function chrome(text) {
	const file = JSON.parse(text), lists = {}, names = {}, running = {}, steps = [];
	if (file.displayTimeUnit !== 'ns' || !Array.isArray(file.traceEvents))
		complain('not the object form');
	for (const e of file.traceEvents) {
		const track = `${e.pid}/${e.tid}`, at = ns(e.ts ?? 0);
		if (!Number.isInteger(e.pid) || !Number.isInteger(e.tid) || (e.ph !== 'M' && !(e.ts >= 0)))
			complain(`no pid, tid or ts: ${JSON.stringify(e)}`);
		if ('BEXi'.includes(e.ph))
			lists[track] ??= [];
		if (e.ph === 'B' || e.ph === 'X')
			lists[track].push({ type: 'begin', at, name: e.name, category: e.cat, args: e.args,
			                    until: e.ph === 'X' ? ns(e.ts) + ns(e.dur) : undefined });
		else if (e.ph === 'E')
			lists[track].push({ type: 'end', at, name: e.name, args: e.args });
		else if (e.ph === 'i')
			instants.push({ track, name: e.name, category: e.cat, at, args: e.args });
		else if (e.ph === 'C')
			for (const [key, v] of Object.entries(e.args)) {
				if (typeof v !== 'number')
					complain(`${e.name}: no number: ${v}`);
				(series[`${e.pid} ${e.name}${key === 'value' ? '' : ' ' + key}`] ??= []).push([at, v]);
			}
		else if (e.ph === 'M' && e.name === 'thread_name')
			names[track] = e.args.name;
		else if (e.ph === 'M' && e.name === 'process_name')
			names[e.pid] = e.args.name;
		else if ('stf'.includes(e.ph))
			steps.push({ ...e, track, at });
		else if (e.ph !== 'M')
			complain(`phase ${e.ph}`);
	}
	for (const [track, list] of Object.entries(lists)) {
		if (!(track in names) || !(track.split('/')[0] in names))
			complain(`${track} has no name`);
		nest(track, list);
	}
	for (const e of steps) {
		if (e.ph === 's' ? e.id in running : running[e.id] === undefined || running[e.id] === 'f')
			complain(`arrow ${e.id}: ${e.ph} after ${running[e.id]}`);
		if (!enclosing(e.track, e.at))
			complain(`arrow ${e.id}: in no slice`);
		flows += e.ph === 's';
		arrows += e.ph !== 's';
		running[e.id] = e.ph;
	}
	for (const [id, phase] of Object.entries(running))
		if (phase !== 'f')
			complain(`arrow ${id} does not end`);
	Object.assign(tracks, names);
}

// protoc's text: `key: value`, `key {`, `}`
function parse(text) {
	const root = {}, stack = [root];
	for (const line of text.split('\n')) {
		const m = /^\s*(\w+)(?:: (.*)| \{)$/.exec(line);
		if (line.trim() === '}')
			stack.pop();
		else if (m) {
			const into = stack.at(-1), value = m[2] === undefined ? {} : m[2];
			(into[m[1]] ??= []).push(value);
			if (m[2] === undefined)
				stack.push(value);
		} else if (line.trim() !== '')
			complain(`not understood: ${line}`);
	}
	return root;
}

function unquote(text) {
	const bytes = [];
	const short = { n: 10, r: 13, t: 9 };
	const body = text.slice(1, -1);
	for (let i = 0; i < body.length; i++) {
		if (body[i] !== '\\')
			bytes.push(...Buffer.from(body[i]));
		else if (/[0-7]/.test(body[i + 1])) {
			bytes.push(parseInt(body.slice(i + 1, i + 4), 8));
			i += 3;
		} else
			bytes.push(short[body[++i]] ?? body.charCodeAt(i));
	}
	return Buffer.from(bytes).toString();
}

function perfetto(text) {
	const lists = {}, described = {}, sequences = {}, linked = {};
	for (const p of parse(text).packet ?? []) {
		const id = p.trusted_packet_sequence_id?.[0], flags = Number(p.sequence_flags?.[0] ?? 0);
		if (!id)
			complain('a packet without its sequence');
		if (!(id in sequences) !== Boolean(flags & 1) || !(id in sequences) !== (p.first_packet_on_sequence?.[0] === 'true'))
			complain(`sequence ${id}: its state is not cleared exactly once`);
		const state = sequences[id] ??= { event_categories: {}, event_names: {}, debug_annotation_names: {} };
		for (const [kind, list] of Object.entries(p.interned_data?.[0] ?? {}))
			for (const t of list) {
				if (t.iid[0] in state[kind] || t.iid[0] === '0')
					complain(`${kind} ${t.iid[0]} twice`);
				state[kind][t.iid[0]] = unquote(t.name[0]);
			}
		const look = (kind, iid, plain) => {
			if (iid === undefined)
				return plain === undefined ? undefined : unquote(plain);
			if (!(flags & 2))
				complain('uses interned data and does not say so');
			if (!(iid in state[kind]))
				complain(`${kind} ${iid} is not there yet`);
			return state[kind][iid];
		};
		const d = p.track_descriptor?.[0];
		if (d) {
			const parent = d.parent_uuid?.[0];
			if (d.uuid[0] in described || (parent && !(parent in described)))
				complain(`track ${d.uuid[0]}: twice, or before its parent`);
			const t = d.thread?.[0], pr = d.process?.[0], up = described[parent];
			described[d.uuid[0]] = {
				name: unquote((t ? t.thread_name : pr ? pr.process_name : d.name)[0]),
				pid: (pr ?? t)?.pid[0] ?? up.pid, counter: 'counter' in d, unit: d.counter?.[0].unit?.[0],
			};
			continue;
		}
		const e = p.track_event?.[0];
		if (!e)
			continue;
		const at = Number(p.timestamp[0]), track = e.track_uuid[0], info = described[track];
		if (!info)
			complain(`an event on a track that was not described`);
		const name = look('event_names', e.name_iid?.[0], e.name?.[0]);
		const category = look('event_categories', e.category_iids?.[0], e.categories?.[0]);
		const args = {};
		for (const a of e.debug_annotations ?? []) {
			const [kind, v] = Object.entries(a).find(([k]) => k.endsWith('_value'));
			args[look('debug_annotation_names', a.name_iid?.[0], a.name?.[0])] = kind === 'string_value'
				? unquote(v[0]) : kind === 'bool_value' ? v[0] === 'true' : Number(v[0]);
		}
		if (info.counter !== (e.type[0] === 'TYPE_COUNTER'))
			complain(`${e.type[0]} on the wrong kind of track`);
		if (e.type[0] === 'TYPE_SLICE_BEGIN') {
			(lists[track] ??= []).push({ type: 'begin', at, name, category, args });
			for (const flow of e.flow_ids ?? [])
				(linked[flow] ??= []).push(at);
		} else if (e.type[0] === 'TYPE_SLICE_END')
			(lists[track] ??= []).push({ type: 'end', at, args });
		else if (e.type[0] === 'TYPE_INSTANT')
			instants.push({ track, name, category, at, args });
		else {
			let v = Number(e.counter_value?.[0] ?? e.double_counter_value?.[0]);
			(series[`${info.pid} ${info.name}`] ??= []).push([at, info.unit === 'UNIT_TIME_NS' ? v / 1e9 : v]);
		}
	}
	for (const [track, list] of Object.entries(lists))
		nest(track, list);
	for (const list of Object.values(linked))
		if (list.length > 1) {
			flows++;
			arrows += list.length - 1;
		}
	for (const [uuid, t] of Object.entries(described))
		if (!t.counter)
			tracks[uuid] = t.name;
}

function speedscope(text) {
	const file = JSON.parse(text);
	for (const p of file.profiles) {
		const stack = [];
		let last = p.startValue;
		for (const e of p.events) {
			if (e.at < last || e.at > p.endValue)
				complain(`${p.name}: ${e.at} is out of order`);
			last = e.at;
			if (typeof file.shared.frames[e.frame]?.name !== 'string')
				complain(`${p.name}: no frame ${e.frame}`);
			if (e.type === 'O')
				stack.push(e);
			else {
				const o = stack.pop();
				if (o?.frame !== e.frame)
					complain(`${p.name}: closes what is not innermost`);
				slices.push({ track: p.name, name: file.shared.frames[e.frame].name, begin: o?.at,
				              end: e.at, depth: stack.length, args: {} });
			}
		}
		if (stack.length)
			complain(`${p.name}: ${stack.length} stay open`);
		tracks[p.name] = p.name;
	}
}

const [, , what, file, other] = process.argv;
if (what === 'sandwich') {
	const unit = { ns: 1, '\u00b5s': 1e3, '\u03bcs': 1e3, ms: 1e6, s: 1e9 }, rows = {};
	const table = /<table.*<\/table>/s.exec(readFileSync(file, 'utf8'))?.[0] ?? '';
	for (const row of table.split('<tr').slice(2)) {
		const text = row.replace(/^[^>]*>/, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
		const m = /^([\d.]+)(\S+) \([^)]*\) ([\d.]+)(\S+) \([^)]*\) (.*)$/.exec(text);
		if (m)
			rows[m[5]] = { total: m[1] * unit[m[2]], self: m[3] * unit[m[4]], digits: unit[m[2]] };
	}
	console.log(JSON.stringify(rows));
} else if (what === 'same') {
	// of two results: the slices, points and series are the same, whatever the tracks are called
	const [a, b] = [file, other].map(f => JSON.parse(readFileSync(f)));
	const exact = v => typeof v === 'string' && /^-?\d{16,}$/.test(v) ? Number(v) : v;
	const key = s => JSON.stringify([s.name, s.category, s.begin ?? s.at, s.end ?? null, s.depth ?? 0,
	                                 Object.entries(s.args ?? {}).map(([k, v]) => [k, exact(v)]).sort()]);
	for (const list of ['slices', 'instants']) {
		const [x, y] = [a, b].map(r => r[list].map(key).sort());
		const i = x.findIndex((k, n) => k !== y[n]);
		if (x.length !== y.length || i >= 0)
			console.log(`${list}: ${x.length} and ${y.length}; ${x[i]} is not ${y[i]}`);
	}
	for (const k of new Set([...Object.keys(a.series), ...Object.keys(b.series)]))
		if (JSON.stringify(a.series[k]) !== JSON.stringify(b.series[k]))
			console.log(`series ${k}: ${JSON.stringify(a.series[k])} is not ${JSON.stringify(b.series[k])}`);
	if (a.flows !== b.flows || a.arrows !== b.arrows)
		console.log(`arrows: ${a.flows} ${a.arrows} and ${b.flows} ${b.arrows}`);
} else {
	const text = readFileSync(file, 'utf8');
	({ chrome, perfetto, speedscope })[what](text);
	console.log(JSON.stringify({ wrong, slices, instants, series, flows, arrows, tracks }));
}
