"use strict";
// In JupyterLab, show the prose of one language: that of the notebook's parameter `language`, at once when it is edited.
// JupyterLab asks a prebuilt extension for `init` and `get`; this one needs no build, since all it imports is shared.
(() => {
  const LANGUAGES = ["zh", "en"];
  const BOTH = "postloan:show-both-languages";
  const hidden = new WeakSet(); // by us, not by a folded heading
  let shared = {};
  let both = false;

  const imported = async (name) => (await Object.values(shared[name])[0].get())();
  const tags = (cell) => cell.model.getMetadata("tags") ?? [];

  // A run's own cell of parameters stands below the defaults and wins, as it does in the kernel.
  function language(cells) {
    const told = cells.filter((cell) => tags(cell).some((tag) => tag.endsWith("parameters")));
    const said = told.map((cell) => /^language\b[^=]*=\s*["'](\w+)["']/m.exec(cell.model.sharedModel.getSource())?.[1]);
    return said.findLast(Boolean);
  }

  function show(notebook) {
    const spoken = both ? undefined : language(notebook.widgets);
    const other = LANGUAGES.includes(spoken) ? LANGUAGES.filter((each) => each !== spoken) : [];
    for (const cell of notebook.widgets) {
      const hide = cell.model.type === "markdown" && tags(cell).some((tag) => other.includes(tag));
      if (hide === hidden.has(cell)) continue;
      hidden[hide ? "add" : "delete"](cell);
      cell.setHidden(hide);
    }
  }

  function watch(panel) {
    let due = 0;
    const soon = () => {
      clearTimeout(due);
      due = setTimeout(() => panel.isDisposed || show(panel.content), 100);
    };
    panel.content.modelContentChanged.connect(soon);
    panel.context.ready.then(soon);
  }

  function activate(app, tracker, palette) {
    app.commands.addCommand(BOTH, {
      label: "Show Prose in Both Languages",
      isToggled: () => both,
      execute: () => {
        both = !both;
        tracker.forEach((panel) => show(panel.content));
      },
    });
    palette?.addItem({ command: BOTH, category: "Notebook Operations" });
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
  }

  async function extension() {
    const { INotebookTracker } = await imported("@jupyterlab/notebook");
    const { ICommandPalette } = await imported("@jupyterlab/apputils");
    const needed = { requires: [INotebookTracker], optional: [ICommandPalette] };
    const plugin = { id: "postloan-lab:languages", autoStart: true, ...needed, activate };
    return () => ({ __esModule: true, default: plugin }); // without the mark JupyterLab looks for a plugin in vain and stops
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["postloan-lab"] = {
    init: (scope) => { shared = scope; },
    get: () => extension(),
  };
})();
