// Bundles src/ into dist/. Scripts and styles get a hash of their content in their names, so that browsers may keep them
// for ever; embed.js keeps its name, because other sites have it in theirs. index.html names the others and comes last, because
// its presence says that dist/ is whole.
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const COMMON = {
  bundle: true,
  minify: true,
  target: ['chrome109', 'firefox115', 'safari16'],
  legalComments: 'linked',
  logLevel: 'warning',
};
const HASHED = { ...COMMON, format: 'esm', outdir: 'dist/assets', entryNames: '[name]-[hash]', metafile: true };

await rm('dist', { recursive: true, force: true });
await mkdir('dist');
for (const file of await readdir('public')) {
  await copyFile(join('public', file), join('dist', file));
}

await build({
  ...COMMON,
  entryPoints: { embed: 'src/embed/main.ts' },
  format: 'iife',
  outdir: 'dist',
  loader: { '.css': 'text' },
});
const worker = await build({ ...HASHED, entryPoints: { proof: 'src/proof/worker.ts' }, format: 'iife' });
const [proofWorker] = named(worker);
const page = await build({
  ...HASHED,
  entryPoints: ['src/main.tsx', 'src/style/main.css'],
  define: { PROOF_WORKER: JSON.stringify(proofWorker.path) },
});

let html = await readFile('src/index.html', 'utf8');
html = html.replace('<div id="page"></div>', `<div id="page">${await prerendered()}</div>`);
for (const { entryPoint, path } of named(page)) {
  html = html.replaceAll(`"${entryPoint}"`, `"${path}"`);
}
await writeFile('dist/index.html', html);

/** Relative, so that the page may be anywhere below a host. */
function named({ metafile }) {
  const outputs = Object.entries(metafile.outputs).filter(([, { entryPoint }]) => entryPoint);
  return outputs.map(([file, { entryPoint }]) => ({ entryPoint, path: file.replace('dist/', '') }));
}

/** What a visitor sees before the script has come. */
async function prerendered() {
  const { outputFiles } = await build({
    entryPoints: ['src/prerender.tsx'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    define: { PROOF_WORKER: '""' },
    write: false,
    logLevel: 'warning',
  });
  const { prerender } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  return prerender();
}
