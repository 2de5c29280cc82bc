/*
 * The charts of `valktrace report`, drawn by dygraphs from the JSON element of each run. The page is whole
 * without this: tables have all numbers. Texts of the log reach the page as text only, never as markup.
 */
(function () {
	'use strict';

	/* Its legend sets style attributes, which the page's policy refuses; the read-outs are its like. */
	Dygraph.PLUGINS = Dygraph.PLUGINS.filter(function (plugin) {
		return plugin !== Dygraph.Plugins.Legend;
	});

	/* ---- numbers, as the tables have them -------------------------------------------------------- */

	function digits(v, short) {
		var text = v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2);
		return short && text.indexOf('.') >= 0 ? text.replace(/\.?0+$/, '') : text;
	}

	function scaled(v, base, units, short) {
		var i = 0;
		while (i + 1 < units.length && v >= base * 0.9995) {
			v /= base;
			i++;
		}
		return (i === 0 && v === Math.round(v) ? String(v) : digits(v, short)) + units[i];
	}

	/* By unit; `short` on an axis, whose caption says the rest. */
	var formats = {
		'ns': function (v, short) {
			return v === 0 ? '0' : scaled(v, 1000, ['ns', '\u00b5s', 'ms', 's'], short);
		},
		'bytes': function (v, short) {
			return scaled(v, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], short);
		},
		'bytes/s': function (v, short) { return formats.bytes(v, short) + (short ? '' : '/s'); },
		'count': function (v, short) { return scaled(v, 1000, ['', 'K', 'M', 'G', 'T'], short); },
		'rate': function (v, short) { return formats.count(v, short) + (short ? '' : '/s'); },
		'percent': function (v, short) { return digits(v, short) + (short ? '%' : ' %'); },
		'cpus': function (v, short) { return digits(v, short) + (short ? '' : ' CPUs'); }
	};

	function seconds(v, range) {
		var decimals = Math.max(0, Math.min(9, Math.ceil(-Math.log10(range / 6))));
		return v.toFixed(decimals);
	}

	/* ---- colours --------------------------------------------------------------------------------- */

	function colour(name) {
		return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
	}

	function colours() {
		return [colour('c1'), colour('c2'), colour('c3'), colour('c4')];
	}

	/* ---- drawing --------------------------------------------------------------------------------- */

	/* A line from 0 up for each value: moments, not a course. */
	function stems(e) {
		var ctx = e.drawingContext, zero = e.dygraph.toDomYCoord(0);
		var few = e.points.length * 3 < e.plotArea.w;
		ctx.save();
		ctx.strokeStyle = ctx.fillStyle = e.color;
		ctx.lineWidth = few ? 1.5 : 1;
		ctx.beginPath();
		e.points.forEach(function (p) {
			if (!isFinite(p.canvasy))
				return;
			ctx.moveTo(p.canvasx, zero);
			ctx.lineTo(p.canvasx, p.canvasy);
		});
		ctx.stroke();
		e.points.forEach(function (p) {
			if (!few || !isFinite(p.canvasy))
				return;
			ctx.beginPath();
			ctx.arc(p.canvasx, p.canvasy, 2, 0, 2 * Math.PI);
			ctx.fill();
		});
		ctx.restore();
	}

	/* Rows for dygraphs; the first and the last make each chart as wide as the run. */
	function rows(chart, ys, range) {
		var none = ys.map(function () { return null; }), band = chart.kind === 'band', all = [];
		if (band)
			none = [[null, null, null]];
		if (chart.x[0] !== range[0])
			all.push([range[0]].concat(none));
		chart.x.forEach(function (x, i) {
			all.push(band ? [x, [ys[0][i], ys[1][i], ys[2][i]]]
				: [x].concat(ys.map(function (y) { return y[i] === null ? null : +y[i]; })));
		});
		if (chart.x[chart.x.length - 1] !== range[1])
			all.push([range[1]].concat(none));
		return all;
	}

	function tints(data) {
		return function (ctx, area, g) {
			function fill(spans, style) {
				ctx.fillStyle = style;
				spans.forEach(function (span) {
					var from = Math.max(area.x, g.toDomXCoord(span[0]));
					var to = Math.min(area.x + area.w, g.toDomXCoord(span[1]));
					if (to >= area.x && from <= area.x + area.w)
						ctx.fillRect(from, area.y, Math.max(1, to - from), area.h);
				});
			}
			fill(data.violated, colour('violated'));
			fill(data.lost, colour('lost'));
		};
	}

	/* One finger scrolls the page; two zoom. */
	function interaction() {
		var model = Object.assign({}, Dygraph.defaultInteractionModel), begin = model.touchstart;
		model.touchstart = function (event, g, context) {
			if (event.touches.length > 1)
				begin.call(this, event, g, context);
		};
		return model;
	}

	function Run(article) {
		this.article = article;
		this.data = JSON.parse(article.querySelector('script.data').textContent);
		this.range = this.data.range.map(Number);
		this.graphs = [];
	}

	Run.prototype.options = function (chart, labels, extra) {
		var self = this, steps = chart.kind === 'steps' || chart.kind === 'select' || chart.kind === 'threads';
		return Object.assign(chart.kind === 'stems' ? { plotter: stems } : {}, {
			labels: ['time'].concat(labels),
			colors: colours(),
			includeZero: true,
			stepPlot: steps,
			fillGraph: steps && labels.length === 1,
			fillAlpha: 0.18,
			customBars: chart.kind === 'band',
			strokeWidth: 1.5,
			highlightCircleSize: 3,
			axisLineColor: colour('line'),
			gridLineColor: colour('grid'),
			axisLabelFontSize: 12,
			animatedZooms: false,
			rightGap: 16,
			interactionModel: interaction(),
			underlayCallback: tints(this.data),
			drawCallback: function () { self.moved(); }
		}, extra);
	};

	function axes(unit) {
		return {
			x: {
				drawGrid: false, pixelsPerLabel: 70,
				axisLabelFormatter: function (v, granularity, opts, g) {
					var range = g.xAxisRange();
					return seconds(v, range[1] - range[0]) + ' s';
				}
			},
			y: {
				axisLabelWidth: 58, pixelsPerLabel: 34, labelsKMG2: unit().indexOf('bytes') === 0,
				axisLabelFormatter: function (v) { return formats[unit()](v, true); }
			}
		};
	}

	/* Behind the caption: what is where the pointer is. */
	function readout(figure, chart, unit, prefix) {
		var output = figure.querySelector('.readout'), range;
		return {
			highlightCallback: function (event, x, points) {
				var values = points.filter(function (p) {
					return p.yval !== null && isFinite(p.yval);
				});
				range = this.xAxisRange();
				output.textContent = [(prefix || '') + seconds(x, (range[1] - range[0]) / 100) + ' s']
					.concat(values.map(function (p) {
						return (values.length > 1 ? p.name + ' ' : '') + formats[unit()](p.yval);
					})).join('   ');
			},
			unhighlightCallback: function () { output.textContent = ''; }
		};
	}

	Run.prototype.add = function (element, chart, ys, labels, extra, name) {
		var self = this, options = this.options(chart, labels, extra);
		var g = new Dygraph(element, rows(chart, ys, this.range), options);
		element.dygraph = g;
		element.tabIndex = 0;
		element.setAttribute('role', 'img');
		element.setAttribute('aria-label', name + ': a chart over the time of the run. Plus and minus zoom, ' +
			'arrows move, Escape shows all.');
		element.addEventListener('keydown', function (event) { self.key(event, g); });
		this.graphs.push(g);
		return g;
	};

	Run.prototype.key = function (event, g) {
		var r = g.xAxisRange(), length = r[1] - r[0], factor = 1, shift = 0;
		if (event.ctrlKey || event.altKey || event.metaKey)
			return;
		if (event.key === '+' || event.key === '=')
			factor = 0.5;
		else if (event.key === '-')
			factor = 2;
		else if (event.key === 'ArrowLeft')
			shift = -length / 4;
		else if (event.key === 'ArrowRight')
			shift = length / 4;
		else if (event.key === 'Escape')
			factor = Infinity;
		else
			return;
		event.preventDefault();
		length = Math.min(length * factor, this.range[1] - this.range[0]);
		if (length >= this.range[1] - this.range[0]) {
			g.resetZoom();
			return;
		}
		var from = (r[0] + r[1]) / 2 + shift - length / 2;
		from = Math.max(this.range[0], Math.min(from, this.range[1] - length));
		g.updateOptions({ dateWindow: [from, from + length] });
	};

	/*
	 * Where one chart looks, all look. The synchronizer would draw all others again whenever one is drawn, also
	 * for another size or colour: it is asked only when a chart shows another time than was shown last.
	 */
	Run.prototype.synchronize = function () {
		var self = this, shown = String(this.graphs[0].xAxisRange());
		if (this.graphs.length < 2)
			return;
		Dygraph.synchronize(this.graphs, { zoom: true, range: false, selection: true });
		this.graphs.forEach(function (g) {
			var draw = g.getFunctionOption('drawCallback');
			g.updateOptions({ drawCallback: function (me) {
				var range = String(me.xAxisRange());
				if (range !== shown) {
					shown = range;
					draw.apply(this, arguments);
				}
				self.moved();
			} }, true);
		});
	};

	/* The button is there while some of the run is out of sight. */
	Run.prototype.moved = function () {
		if (this.button)
			this.button.hidden = !this.graphs.some(function (g) { return g.isZoomed(); });
	};

	function keys(figure, labels) {
		if (labels.length < 2)
			return;
		var list = document.createElement('span');
		list.className = 'keys';
		labels.forEach(function (label, i) {
			var key = document.createElement('span');
			key.className = 'k' + (i % 4 + 1);
			key.textContent = label;
			list.appendChild(key);
		});
		figure.querySelector('figcaption').insertBefore(list, figure.querySelector('.readout'));
	}

	Run.prototype.simple = function (figure, chart) {
		var unit = function () { return chart.unit; };
		if (chart.per_ns)
			keep(figure, ({ stems: 'the longest in each ', band: 'least, mean and most in each ' }[chart.kind] ||
				'of each ') + formats.ns(chart.per_ns));
		keys(figure, chart.labels);
		var extra = { axes: axes(unit), strokeWidth: chart.per_ns && chart.kind === 'steps' ? 1 : 1.5 };
		this.add(figure.querySelector('.plot'), chart, chart.y, chart.labels,
			Object.assign(extra, readout(figure, chart, unit)), title(figure));
	};

	function title(figure) {
		return figure.querySelector('figcaption').firstChild.textContent;
	}

	function keep(figure, text) {
		var note = document.createElement('span');
		note.className = 'keys plain';
		note.textContent = text;
		figure.querySelector('figcaption').insertBefore(note, figure.querySelector('.readout'));
	}

	/* A small chart for each thread, each as high as its own most. */
	Run.prototype.threads = function (figure, chart) {
		var grid = document.createElement('div'), self = this;
		grid.className = 'threads';
		figure.replaceChild(grid, figure.querySelector('.plot'));
		chart.labels.forEach(function (label, i) {
			var name = document.createElement('div'), most = document.createElement('small');
			var plot = document.createElement('div'), last = i + 1 === chart.labels.length;
			var unit = function () { return 'count'; }, all = axes(unit);
			name.className = 'name';
			name.textContent = label;
			most.textContent = 'at most ' + formats.count(Math.max.apply(null, chart.y[i]), true) +
				' in ' + formats.ns(chart.per_ns, true);
			name.appendChild(most);
			plot.className = last ? 'plot last' : 'plot';
			grid.appendChild(name);
			grid.appendChild(plot);
			all.y.drawAxis = all.y.drawGrid = false;
			all.x.drawAxis = last;
			var extra = Object.assign({ axes: all, strokeWidth: 1 }, readout(figure, chart, unit, label + '   '));
			self.add(plot, chart, [chart.y[i]], ['events'], extra, label);
		});
	};

	/* One event at a time; one that this system lacks says so in the chart's place. */
	Run.prototype.select = function (figure, chart) {
		var select = figure.querySelector('select'), plot = figure.querySelector('.plot');
		var absent = figure.querySelector('p.absent'), self = this, g = null, now = 'rate';
		var unit = function () { return now; };

		function show() {
			var option = select.options[select.selectedIndex], series = chart.series[select.value];
			plot.hidden = !series;
			absent.hidden = !!series;
			figure.querySelector('.readout').textContent = '';
			if (!series) {
				absent.textContent = option.dataset.absent ||
					'Fewer than two samples: there is no history.';
				return;
			}
			now = series.unit;
			var name = option.textContent, extra = Object.assign({ axes: axes(unit) }, readout(figure, chart, unit));
			if (!g)
				g = self.add(plot, chart, [series.y], [name], extra, 'History of an event');
			else
				g.updateOptions({ file: rows(chart, [series.y], self.range), labels: ['time', name] });
			g.resize();
		}

		Array.prototype.some.call(select.options, function (option) {
			option.selected = !!chart.series[option.value];
			return option.selected;
		});
		show();
		select.addEventListener('change', show);
	};

	Run.prototype.draw = function () {
		var self = this, charts = this.data.charts.filter(function (chart) {
			return chart.x.length > 0 && figure(chart);
		});
		function figure(chart) {
			return self.article.querySelector('figure[data-chart="' + chart.key + '"]');
		}
		/* All of them first: how wide one is depends on its neighbours. */
		charts.forEach(function (chart) { figure(chart).hidden = false; });
		charts.forEach(function (chart) {
			(self[chart.kind] || self.simple).call(self, figure(chart), chart);
		});
		if (this.graphs.length === 0)
			return;
		this.synchronize();
		this.button = document.createElement('button');
		this.button.type = 'button';
		this.button.className = 'reset';
		this.button.textContent = 'Show all of the run';
		this.button.hidden = true;
		this.button.addEventListener('click', function () { self.graphs[0].resetZoom(); });
		this.article.appendChild(this.button);
		var hint = document.createElement('p');
		hint.className = 'note hint';
		hint.textContent = 'Drag in a chart to zoom into all of them; double click shows all again.';
		this.article.querySelector('header').appendChild(hint);
	};

	/* Colours have changed, and sizes if it is for paper. */
	Run.prototype.redraw = function (resized) {
		var options = { colors: colours(), axisLineColor: colour('line'), gridLineColor: colour('grid') };
		this.graphs.forEach(function (g) {
			g.updateOptions(options, resized);
			if (resized)
				g.resize();
		});
	};

	var runs = Array.prototype.map.call(document.querySelectorAll('article.run'), function (article) {
		var run = new Run(article);
		run.draw();
		return run;
	});
	function redraw(resized) {
		runs.forEach(function (run) { run.redraw(resized); });
	}

	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', function () { redraw(false); });
	/* What is drawn while a page is laid out for paper is not on it. */
	addEventListener('beforeprint', function () {
		document.documentElement.classList.add('paper');
		/*
		 * What is drawn here Chromium prints stroke by stroke, and clearing a canvas would clear the paper. A
		 * canvas whose size changes is empty anyway.
		 */
		var context = CanvasRenderingContext2D.prototype, clear = context.clearRect;
		context.clearRect = function () {};
		redraw(true);
		context.clearRect = clear;
	});
	addEventListener('afterprint', function () {
		document.documentElement.classList.remove('paper');
		redraw(true);
	});
}());
