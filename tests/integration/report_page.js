// report_page.js DRIVER PAGE SUMMARY.json KIND - opens a page of `valktrace report` in Chromium, uses it, and
// says `ok` or `not ok` of each check. KIND: whole (it has all charts), perf, hostile or several.
'use strict';
const [, , driver, file, summaryFile, kind] = process.argv;
const { chromium } = require(driver);
const fs = require('fs');
const summary = JSON.parse(fs.readFileSync(summaryFile, 'utf8').split('\n')[0]);
const url = 'file://' + fs.realpathSync(file);
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'];
let requests = [], noise = [];

function check(name, good, why) {
	console.log((good ? 'ok ' : 'not ok ') + `${kind}: ${name}`);
	if (!good)
		console.log('    ' + JSON.stringify(why));
}

function same(name, got, want) {
	check(name, JSON.stringify(got) === JSON.stringify(want), { got, want });
}

// What the page does a moment later: true as soon as it holds, false after ten seconds.
async function soon(holds) {
	for (let i = 0; i < 100; i++) {
		if (await holds())
			return true;
		await new Promise(resolve => setTimeout(resolve, 100));
	}
	return false;
}

async function open(browser, options) {
	const context = await browser.newContext(Object.assign({ offline: true, viewport: { width: 1600, height: 1000 } }, options));
	const page = await context.newPage();
	page.on('request', r => { if (r.url() !== url) requests.push(r.url()); });
	page.on('console', m => noise.push(m.text()));
	page.on('pageerror', e => noise.push(e.message));
	page.on('dialog', d => { noise.push('dialog ' + d.message()); d.dismiss(); });
	await page.addInitScript(() => {
		document.addEventListener('securitypolicyviolation', e => console.log('policy: ' + e.violatedDirective));
	});
	await page.goto(url);
	return page;
}

// The windows of all charts that are drawn, each rounded to a thousandth of the run.
const windows = page => page.evaluate(() => Array.from(document.querySelectorAll('#r1 .plot')).filter(p => p.dygraph)
	.map(p => p.dygraph.xAxisRange().map(x => Math.round(1000 * x / p.dygraph.xAxisExtremes()[1]))));

const allEqual = list => list.every(w => JSON.stringify(w) === JSON.stringify(list[0]));

async function zooming(page) {
	const before = await windows(page);
	check('there are charts', before.length >= 3, before);
	check('all charts show all of the run', allEqual(before) && before[0][0] === 0 && before[0][1] === 1000, before);
	const plot = page.locator('#r1 figure:not([hidden]) .plot').first();
	await plot.scrollIntoViewIfNeeded();
	const box = await plot.boundingBox(), y = box.y + box.height / 2;
	const reset = page.locator('button.reset');
	check('nothing to reset yet', !await reset.first().isVisible());
	async function drag(from, to) {
		await page.mouse.move(box.x + from * box.width, y);
		await page.mouse.down();
		await page.mouse.move(box.x + (from + to) / 2 * box.width, y, { steps: 3 });
		await page.mouse.move(box.x + to * box.width, y, { steps: 3 });
		await page.mouse.up();
	}
	await drag(0.4, 0.6);
	let now = await windows(page);
	check('a drag zooms in', now[0][1] - now[0][0] < 350 && now[0][1] - now[0][0] > 100, now);
	check('... in all charts', allEqual(now), now);
	check('a button offers the way back', await reset.first().isVisible());
	await reset.first().click();
	same('... and goes it', await windows(page), before);
	check('... and is gone', !await reset.first().isVisible());
	await drag(0.3, 0.7);
	check('zoomed again', (await windows(page))[0][0] > 0);
	await page.mouse.dblclick(box.x + 0.5 * box.width, y);
	same('a double click shows all', await windows(page), before);
	await plot.focus();
	await page.keyboard.press('+');
	now = await windows(page);
	check('the keyboard zooms all', allEqual(now) && now[0][0] === 250 && now[0][1] === 750, now);
	await page.keyboard.press('ArrowRight');
	now = await windows(page);
	check('... moves', allEqual(now) && now[0][0] === 375, now);
	await page.keyboard.press('Escape');
	same('... and goes back', await windows(page), before);
	await page.mouse.move(box.x + 0.5 * box.width, y);
	check('what is under the pointer is told', /^[\d.]+ s {3}\S/.test(await page.locator('#r1 .readout').first().textContent()) ||
		await page.locator('#r1 .readout').evaluateAll(list => list.some(o => /^[\d.]+ s {3}\S/.test(o.textContent))));
}

// Rates times their intervals are what was counted.
async function selecting(page) {
	const states = Object.assign({}, summary.available.process_perf, summary.available.perf);
	const options = await page.locator('#r1-perf-event option').evaluateAll(list =>
		list.map(o => ({ value: o.value, text: o.textContent, absent: o.dataset.absent })));
	check('there are events', options.some(o => !o.absent), options);
	same('every event can be chosen', options.length, Object.keys(states).length);
	for (const option of options.filter(o => !o.absent).slice(0, 4)) {
		await page.selectOption('#r1-perf-event', option.value);
		const drawn = await page.evaluate(() => {
			const g = document.querySelector('#r1 [data-chart=perf] .plot').dygraph;
			return { label: g.getLabels()[1], rows: Array.from({ length: g.numRows() }, (_, i) => [g.getValue(i, 0), g.getValue(i, 1)]) };
		});
		same('the chart is that of ' + option.text, drawn.label, option.text);
		const rows = drawn.rows.filter(r => r[1] !== null);
		let sum = 0;
		for (let i = 0; i + 1 < rows.length; i++)
			sum += rows[i][1] * (rows[i + 1][0] - rows[i][0]);
		const state = Object.entries(states).find(([name]) => name.endsWith(option.text.replace(/-/g, '_')))[1];
		const total = state.total === undefined ? Number(state.total_ns) / 1e9 : Number(state.total);
		check('... and adds up to its total', Math.abs(sum - total) <= 0.15 * total + 1, { sum, total });
	}
	const lacking = options.find(o => o.absent);
	if (!lacking)
		return;
	await page.selectOption('#r1-perf-event', lacking.value);
	const text = await page.locator('#r1 [data-chart=perf] p.absent').textContent();
	check('one that lacks says why', text.startsWith('Not available on this system: ') && text.length > 31, text);
	check('... in the place of the chart', await page.locator('#r1 [data-chart=perf] p.absent').isVisible() &&
		!await page.locator('#r1 [data-chart=perf] .plot').isVisible());
	await page.selectOption('#r1-perf-event', options.find(o => !o.absent).value);
	check('... until another one is chosen', await page.locator('#r1 [data-chart=perf] .plot').isVisible());
}

// What sticks out of the page, but for what lies in something that scrolls.
const overflow = page => page.evaluate(() => {
	const wide = document.documentElement.scrollWidth > innerWidth ? ['page ' + document.documentElement.scrollWidth] : [];
	return wide.concat(Array.from(document.querySelectorAll('body *')).filter(e => !e.closest('.scroll, .plot') &&
		e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className));
});

// The least contrast of text that is shown, by WCAG's formula.
const contrast = page => page.evaluate(() => {
	const numbers = c => c.match(/[\d.]+/g).map(Number);
	const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = numbers(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] > 0)
				return c;
		}
		return [255, 255, 255];
	};
	let least = [21, ''];
	for (const e of document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, a, caption, summary, figcaption, .readout, .keys, select, .dygraph-axis-label')) {
		if (!e.textContent.trim() || !e.checkVisibility())
			continue;
		const a = light(numbers(getComputedStyle(e).color)), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < least[0])
			least = [ratio, e.tagName + '.' + e.className];
	}
	return least;
});

async function looks(browser) {
	const back = [];
	for (const colorScheme of ['light', 'dark'])
		for (const width of [400, 1600]) {
			const page = await open(browser, { colorScheme, viewport: { width, height: 900 } });
			const name = `${width} px, ${colorScheme}`;
			same(`${name}: nothing sticks out`, await overflow(page), []);
			const least = await contrast(page);
			check(`${name}: text can be read`, least[0] >= 4.5, least);
			back.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
			if (width === 1600) {
				await page.setViewportSize({ width: 500, height: 900 });
				check(`${name}: nor when the window shrinks`, await soon(async () => (await overflow(page)).length === 0),
					await overflow(page));
			}
			await page.context().close();
		}
	check('light and dark differ', back[0] !== back[2] && back[0] === back[1] && back[2] === back[3], back);
	const page = await open(browser, { colorScheme: 'light' });
	const colour = () => page.evaluate(() => (document.querySelector('.plot').dygraph || { getColors: () => [] }).getColors()[0]);
	const before = await colour();
	await page.emulateMedia({ colorScheme: 'dark' });
	check('charts follow when the scheme changes', before === undefined || await soon(async () => await colour() !== before), before);
	const named = await page.evaluate(() => ({
		tables: Array.from(document.querySelectorAll('table')).every(t => t.caption && t.caption.textContent &&
			Array.from(t.querySelectorAll('th')).every(h => h.scope)),
		charts: Array.from(document.querySelectorAll('.plot')).filter(p => p.dygraph).every(p => p.getAttribute('aria-label') && p.tabIndex === 0),
		selects: Array.from(document.querySelectorAll('select')).every(s => s.labels.length === 1)
	}));
	same('tables, charts and fields have names', named, { tables: true, charts: true, selects: true });
	const widest = () => page.evaluate(() => Math.max(0, ...Array.from(document.querySelectorAll('.plot canvas'), c => c.clientWidth)));
	const screen = await widest();
	await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
	check('charts are drawn anew for paper', await widest() <= 680, await widest());
	await page.evaluate(() => dispatchEvent(new Event('afterprint')));
	same('... and for the screen again', await widest(), screen);
	await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
	same('on paper it is black on white', await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
	await page.context().close();
}

async function withoutScripts(browser) {
	const page = await open(browser, { javaScriptEnabled: false });
	const text = await page.locator('body').innerText();
	check('without JavaScript: tables are there', /Events by type/.test(text) && /Threads/.test(text));
	if (summary.gc)
		check('... with their numbers', text.includes('GC Cycles\n' + summary.gc.cycles.toLocaleString('en-US')), text.slice(0, 900));
	check('... no empty place for charts', !await page.locator('figure').first().isVisible());
	check('... and a word on what is missing', /Charts need JavaScript/.test(text));
	await page.context().close();
}

(async () => {
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: flags });
	const page = await open(browser, {});
	if (kind === 'whole')
		await zooming(page);
	if (kind === 'perf')
		await selecting(page);
	if (kind === 'hostile') {
		same('no element out of a name', await page.locator('img, iframe, b, i, object, embed, link').count(), 0);
		same('no script out of a name', await page.evaluate(() => document.scripts.length), 2);
	}
	if (kind === 'several') {
		const count = await page.locator('article.run').count();
		check('each run is there', count > 1, count);
		const all = () => page.evaluate(() => Array.from(document.querySelectorAll('.run')).map(run =>
			Array.from(run.querySelectorAll('.plot')).filter(p => p.dygraph).map(p => p.dygraph.isZoomed('x'))));
		await page.evaluate(() => {
			const g = document.querySelector('#r1 .plot').dygraph, range = g.xAxisExtremes();
			g.updateOptions({ dateWindow: [range[0], (range[0] + range[1]) / 2] });
		});
		const zoomed = await all();
		check('a zoom is that of its run', zoomed[0].every(z => z) && !zoomed.slice(1).flat().some(z => z), zoomed);
	}
	await page.context().close();
	await looks(browser);
	await withoutScripts(browser);
	await browser.close();
	same('not one request', requests, []);
	same('not one word on the console', noise, []);
})().catch(e => { console.log(`not ok ${kind}: ${e.message}`); process.exit(1); });
