// Lua cells of the open notebooks, for sessions that are attached to a kernel.
//
// VS Code names a cell by a URI, a kernel by the text's hash. The adapter translates; it is told each cell's text when
// the session starts, and again, with its breakpoints, whenever the text changes: a kernel runs what the cell says now.
"use strict";

const vscode = require("vscode");

const SCHEME = "vscode-notebook-cell";
const DELAY_MS = 100;

class NotebookCells {
  constructor(type) {
    this.type = type;
    this.sessions = new Set();
    this.changed = new Map();
    this.timer = undefined;
    this.subscriptions = [
      vscode.debug.onDidStartDebugSession((session) => this.started(session)),
      vscode.debug.onDidTerminateDebugSession((session) => this.sessions.delete(session)),
      vscode.workspace.onDidChangeTextDocument((event) => this.edited(event.document)),
      vscode.workspace.onDidOpenTextDocument((document) => this.edited(document)),
    ];
  }

  /** Return {URI: text} of every Lua cell. */
  texts() {
    const found = {};
    for (const notebook of vscode.workspace.notebookDocuments) {
      for (const cell of notebook.getCells()) {
        if (isLuaCell(cell.document)) {
          found[cell.document.uri.toString()] = cell.document.getText();
        }
      }
    }
    return found;
  }

  started(session) {
    if (session.type === this.type && session.configuration.request === "attach") {
      this.sessions.add(session);
    }
  }

  edited(document) {
    if (this.sessions.size === 0 || !isLuaCell(document)) {
      return;
    }
    this.changed.set(document.uri.toString(), document);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), DELAY_MS);
  }

  /** Tell every attached session what has changed. */
  async tell() {
    const cells = [...this.changed].map(([uri, document]) => ({
      uri, text: document.getText(), breakpoints: breakpointsOf(uri),
    }));
    this.changed.clear();
    for (const session of this.sessions) {
      try {
        await session.customRequest("llmspell/cells", { cells });
      } catch {
        // a session that ends, or one of a script's server, which has no cells
      }
    }
  }

  dispose() {
    clearTimeout(this.timer);
    this.subscriptions.forEach((each) => each.dispose());
  }
}

function isLuaCell(document) {
  return document.uri.scheme === SCHEME && document.languageId === "lua";
}

/** Return the breakpoints of a cell as the protocol has them; VS Code counts lines from 0. */
function breakpointsOf(uri) {
  return vscode.debug.breakpoints
    .filter((each) => each.enabled && each.location?.uri.toString() === uri)
    .map((each) => ({
      line: each.location.range.start.line + 1,
      condition: each.condition,
      hitCondition: each.hitCondition,
      logMessage: each.logMessage,
    }));
}

module.exports = { NotebookCells };
