'use strict';

const at = id => document.getElementById(id);
const status = text => { at('status').textContent = text; };
const alarm = text => { at('alert').textContent = text; };
const counted = (number, what) => `${number.toLocaleString()} ${what}${number === 1 ? '' : 's'}`;
let token = sessionStorage.getItem('sluice-token') || '';
let streams = [];

/** Calls the server; `progress` hears what part of the body is sent. */
function call(method, path, body, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, '/upload' + path);
    request.setRequestHeader('Authorization', 'Bearer ' + token);
    if (body) request.setRequestHeader('Content-Type', 'application/octet-stream');
    if (progress) request.upload.onprogress = event => progress(event.loaded, event.total);
    request.onerror = () => reject(new Error('The server cannot be reached.'));
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no JSON */ }
      if (request.status === 200) resolve(answer);
      else reject(new Error(answer.error || `The server answered ${request.status}.`));
    };
    request.send(body || null);
  });
}

const query = values => '?' + new URLSearchParams(values);

async function enter() {
  alarm('');
  try {
    streams = (await call('GET', '/streams')).streams;
  } catch (error) {
    alarm(error.message);
    return;
  }
  sessionStorage.setItem('sluice-token', token);
  at('stream').replaceChildren(...streams.map(stream => new Option(stream.name)));
  at('enter').hidden = true;
  at('choose').hidden = false;
  patterns();
  at('stream').focus();
}

function patterns() {
  const stream = streams.find(stream => stream.name === at('stream').value);
  at('patterns').textContent = stream ? `Files are called ${stream.files.join(' or ')} and go to ${stream.place}.` : '';
}

function cell(kind, text, scope) {
  const made = document.createElement(kind);
  made.textContent = text === null ? 'NULL' : text;
  if (text === null) made.className = 'null';
  if (scope) made.scope = scope;
  return made;
}

function table(title, columns, rows, why) {
  const made = document.createElement('table');
  made.createCaption().textContent = title;
  const head = made.createTHead().insertRow();
  head.append(cell('th', 'line', 'col'));
  for (const [name, kind] of columns) {
    const column = cell('th', name, 'col');
    const small = document.createElement('small');
    small.textContent = kind;
    column.append(small);
    head.append(column);
  }
  if (why) head.append(cell('th', 'why', 'col'));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    if (row.reason) { line.className = 'set-aside'; line.title = row.reason; }
    line.append(cell('th', String(row.line), 'row'), ...row.values.map(value => cell('td', value)));
    if (why) line.append(cell('td', row.reason || ''));
  }
  return made;
}

function show(article, preview) {
  const aside = Object.values(preview.quarantined).reduce((sum, rows) => sum + rows, 0);
  const parts = [counted(preview.total, 'row'), `${preview.valid.toLocaleString()} valid`];
  if (aside) parts.push(`${aside.toLocaleString()} would be quarantined`);
  if (preview.discarded) parts.push(`${preview.discarded.toLocaleString()} would be dropped`);
  article.querySelector('.summary').textContent = parts.join(', ') + '.';
  const rules = Object.entries(preview.quarantined).map(([rule, rows]) => `${rule}: ${counted(rows, 'row')}`);
  article.querySelector('.rules').replaceChildren(...rules.concat(preview.notices).map(text => cell('li', text)));
  if (preview.broken.length) {
    const broken = article.querySelector('.broken');
    broken.hidden = false;
    broken.querySelector('div').append(table('First rows set aside', preview.columns, preview.broken, true));
  }
  const region = article.querySelector('.table');
  region.setAttribute('aria-label', 'First rows');
  region.append(table('First rows, typed by the contract', preview.columns, preview.rows));
}

const pause = millis => new Promise(resolve => setTimeout(resolve, millis));

/** Confirms an upload, and waits for what becomes of it. */
async function load(article, upload) {
  const summary = article.querySelector('.summary');
  const buttons = article.querySelectorAll('button');
  buttons.forEach(button => { button.disabled = true; });
  try {
    await call('POST', '/files/' + upload.id);
    for (;;) {
      const state = await call('GET', '/state' + query({ stream: upload.stream, name: upload.name }));
      if (state.state === 'loaded') {
        summary.textContent = `Loaded: ${counted(state.rows, 'row')}, ${state.quarantined.toLocaleString()} in quarantine.`;
        break;
      }
      if (state.state === 'failed') throw new Error(`Not loaded: ${state.error}`);
      await pause(300);
    }
    article.querySelector('.actions').remove();
    status(`${upload.name} is loaded.`);
  } catch (error) {
    summary.textContent = error.message;
    alarm(`${upload.name}: ${error.message}`);
    buttons.forEach(button => { button.disabled = false; });
  }
}

async function bring(file) {
  const stream = at('stream').value;
  const folder = at('folder').value.trim().replace(/^\/+|\/+$/g, '');
  const name = folder ? `${folder}/${file.name}` : file.name;
  const article = at('upload').content.cloneNode(true).querySelector('article');
  article.querySelector('h2').textContent = `${name} → ${stream}`;
  const bar = article.querySelector('progress');
  bar.setAttribute('aria-label', `Upload of ${name}`);
  at('uploads').prepend(article);
  status(`${name} is sent.`);
  try {
    const progress = (sent, all) => { bar.max = all || 1; bar.value = sent; };
    const upload = await call('POST', '/files' + query({ stream, name }), file, progress);
    bar.remove();
    show(article, upload.preview);
    const actions = article.querySelector('.actions');
    actions.hidden = false;
    actions.querySelector('.load').onclick = () => load(article, upload);
    actions.querySelector('.drop').onclick = async () => {
      try { await call('DELETE', '/files/' + upload.id); } catch { /* it is gone already */ }
      article.remove();
      status(`${name} was discarded.`);
    };
    status(`${name}: look at its rows, then load it.`);
  } catch (error) {
    bar.remove();
    article.querySelector('.summary').textContent = error.message;
    alarm(`${name}: ${error.message}`);
  }
}

function bringAll(files) {
  alarm('');
  for (const file of files) bring(file);
}

at('enter').onsubmit = event => { event.preventDefault(); token = at('token').value; enter(); };
at('stream').onchange = patterns;
at('files').onchange = event => { bringAll(event.target.files); event.target.value = ''; };
const drop = at('drop');
drop.ondragover = event => { event.preventDefault(); drop.classList.add('over'); };
drop.ondragleave = () => drop.classList.remove('over');
drop.ondrop = event => { event.preventDefault(); drop.classList.remove('over'); bringAll(event.dataTransfer.files); };
if (token) enter();
