// SVG drawings by Vega, without a browser: panels of horizontal bars, and panels of percentile curves. A white ground
// keeps them readable on dark pages.
import { parse, View } from 'vega';

const colors = {
  teleferric: '#c2410c',
  otelcol: '#4263eb',
  rotel: '#2b8a3e',
  'baseline-js': '#868e96',
  df_engine: '#b197fc',
};
const colorScale = { name: 'color', type: 'ordinal', domain: Object.keys(colors), range: Object.values(colors) };

const chartWidth = 720;
const labelWidth = 150;
const barHeight = 20;
const panelGap = 40;

async function render(spec) {
  const view = new View(
    parse({ background: 'white', padding: 16, config: { text: { font: 'sans-serif' } }, ...spec }),
    {
      renderer: 'none',
    },
  );
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

/** `panels` are `{ title, bars: [{ contender, label, value, text }] }`; each has an axis of its own from zero. */
export function renderBars({ title, panels }) {
  let top = 0;
  const marks = panels.map((panel) => {
    const mark = barPanel(panel, top);
    top += panel.bars.length * barHeight + panelGap;
    return mark;
  });
  const height = top - panelGap;
  return render({ width: chartWidth, height, title: heading(title), scales: [colorScale], marks });
}

function barPanel({ title, bars }, top) {
  const height = bars.length * barHeight;
  const bar = { y: { scale: 'label', field: 'label' }, height: { scale: 'label', band: 1 } };
  const middle = { scale: 'label', field: 'label', band: 0.5 };
  return {
    type: 'group',
    encode: {
      enter: {
        x: { value: labelWidth },
        y: { value: top + 14 },
        width: { value: chartWidth - labelWidth },
        height: { value: height },
      },
    },
    title: { text: title, anchor: 'start', fontSize: 12, offset: 4, frame: 'group' },
    data: [{ name: 'bars', values: bars }],
    scales: [
      {
        name: 'label',
        type: 'band',
        domain: { data: 'bars', field: 'label' },
        range: [0, height],
        paddingInner: 0.25,
        paddingOuter: 0.1,
      },
      // Room at the right for the text of the longest bar.
      {
        name: 'value',
        domain: [0, 1.45 * Math.max(...bars.map(({ value }) => value))],
        range: [0, chartWidth - labelWidth],
      },
    ],
    axes: [
      {
        orient: 'left',
        scale: 'label',
        ticks: false,
        domain: false,
        labelFontSize: 11,
        labelPadding: 6,
        labelLimit: 0,
      },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            ...bar,
            x: { value: 0 },
            x2: { scale: 'value', field: 'value' },
            fill: { scale: 'color', field: 'contender' },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'bars' },
        encode: {
          enter: {
            x: { scale: 'value', field: 'value', offset: 5 },
            y: middle,
            text: { field: 'text' },
            baseline: { value: 'middle' },
            fontSize: { value: 11 },
            fill: { value: '#333' },
          },
        },
      },
    ],
  };
}

const latencyColumns = 3;
const latencyPanel = { width: 250, height: 150, gapX: 60, gapY: 72 };

/** `panels` are `{ title, points: [{ contender, percentile, ms }] }`, three in a row, on one logarithmic axis for all. */
export function renderLatency({ title, panels }) {
  const all = panels.flatMap(({ points }) => points);
  const values = all.map(({ ms }) => ms).filter((ms) => ms > 0);
  const domain = [10 ** Math.floor(Math.log10(Math.min(...values))), 10 ** Math.ceil(Math.log10(Math.max(...values)))];
  const rows = Math.ceil(panels.length / latencyColumns);
  const { width, height, gapX, gapY } = latencyPanel;
  const names = [...new Set(all.map(({ contender }) => contender))];
  return render({
    width: latencyColumns * width + (latencyColumns - 1) * gapX,
    height: rows * height + (rows - 1) * gapY + 20,
    title: heading(title),
    scales: [
      colorScale,
      { name: 'shown', type: 'ordinal', domain: names, range: names.map((name) => colors[name]) },
      { name: 'ms', type: 'log', domain, range: [height, 0] },
      { name: 'percentile', type: 'point', domain: ['50', '95', '99', '99.9'], range: [0, width], padding: 0.3 },
    ],
    legends: [{ fill: 'shown', orient: 'bottom', direction: 'horizontal', symbolType: 'circle', labelFontSize: 12 }],
    marks: panels.map((panel, index) =>
      percentilePanel(
        panel,
        (index % latencyColumns) * (width + gapX),
        20 + Math.floor(index / latencyColumns) * (height + gapY),
      ),
    ),
  });
}

function percentilePanel({ title, points }, x, y) {
  const position = { x: { scale: 'percentile', field: 'percentile' }, y: { scale: 'ms', field: 'ms' } };
  const color = { scale: 'color', field: 'contender' };
  const axis = { labelFontSize: 10, titleFontSize: 10, titleFontWeight: 'normal' };
  return {
    type: 'group',
    encode: {
      enter: {
        x: { value: x },
        y: { value: y },
        width: { value: latencyPanel.width },
        height: { value: latencyPanel.height },
      },
    },
    title: { text: title.split('; '), anchor: 'start', fontSize: 11, offset: 6, frame: 'group' },
    data: [{ name: 'points', values: points }],
    axes: [
      {
        ...axis,
        orient: 'left',
        scale: 'ms',
        title: 'ms',
        grid: true,
        gridScale: 'percentile',
        gridColor: '#eee',
        tickCount: 4,
        format: '~g',
      },
      { ...axis, orient: 'bottom', scale: 'percentile', title: 'percentile' },
    ],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'curve', data: 'points', groupby: 'contender' } },
        marks: [
          {
            type: 'line',
            from: { data: 'curve' },
            encode: { enter: { ...position, stroke: color, strokeWidth: { value: 2 } } },
          },
          {
            type: 'symbol',
            from: { data: 'curve' },
            encode: { enter: { ...position, fill: color, size: { value: 36 } } },
          },
        ],
      },
    ],
  };
}

function heading(text) {
  return { text, anchor: 'start', fontSize: 14, offset: 12 };
}
