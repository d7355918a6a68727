// The kernels that run on this machine, as `llmspell kernel list` knows them.
"use strict";

const { execFile } = require("node:child_process");
const vscode = require("vscode");
const { command } = require("./command");

const PATIENCE_MS = 15000;

/** Return [{id, pid, cwd, connection_file, has_debugger}], newest first. */
function listKernels(folder) {
  const [program, ...words] = command(folder);
  return new Promise((resolve, reject) => {
    execFile(
      program, [...words, "kernel", "list", "--format", "json"],
      { timeout: PATIENCE_MS, cwd: folder?.uri.fsPath, windowsHide: true },
      (error, stdout, stderr) => {
        if (error) {
          reject(new Error(stderr.trim() || error.message));
          return;
        }
        try {
          resolve(JSON.parse(stdout));
        } catch {
          reject(new Error(`"${program} kernel list" did not answer with JSON`));
        }
      },
    );
  });
}

/** Let the person choose a kernel; undefined where there is none, or none is chosen. */
async function pickKernel() {
  let kernels;
  try {
    kernels = await listKernels(vscode.workspace.workspaceFolders?.[0]);
  } catch (error) {
    vscode.window.showErrorMessage(`llmspell: kernels cannot be listed: ${error.message}`);
    return undefined;
  }
  if (kernels.length === 0) {
    vscode.window.showInformationMessage("llmspell: no kernel runs. Run a cell of a Lua notebook first.");
    return undefined;
  }
  const items = kernels.map((kernel) => ({
    label: kernel.id,
    description: kernel.pid === null ? "" : `process ${kernel.pid}`,
    detail: kernel.cwd ?? kernel.connection_file,
    kernel,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    placeHolder: "Attach to which kernel?", matchOnDescription: true, matchOnDetail: true,
  });
  return chosen?.kernel;
}

module.exports = { listKernels, pickKernel };
