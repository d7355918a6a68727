-- Files searched, converted, packed, unpacked and watched: the tools of the category filesystem.
--
--   llmspell run scripts/examples/filesystem_tools.lua

local files, search = Tool.get("file-operations"), Tool.get("file-search")
local converter, archiver = Tool.get("file-converter"), Tool.get("archive-handler")
local watcher = Tool.get("file-watcher")

-- Something to work on, in a folder of its own.
local name = os.tmpname()
local folder = name .. ".files"
os.remove(name)
files:execute({ operation = "create_dir", path = folder .. "/notes", recursive = true })
local texts = {
  ["plan.md"] = "# Plan\n\nTODO: write the report\n",
  ["done.md"] = "# Done\n\nThe data is in.\n",
  ["script.lua"] = "if ready then\n\tprint('go')\nend\n",
}
for file, text in pairs(texts) do
  files:execute({ operation = "write", path = folder .. "/notes/" .. file, input = text })
end

-- Where is something left to do?
local found = search:execute({
  pattern = "todo:\\s+\\w+",
  path = folder,
  recursive = true,
  use_regex = true,
  case_sensitive = false,
})
print(found.text:match("^[^.]+"))
for _, hit in ipairs(found.metadata.response.result.matches) do
  print(("line %d: %s"):format(hit.line_number, hit.line_content))
end

-- Tabs become spaces; the old file is kept beside it.
print(converter:execute({ operation = "indentation", path = folder .. "/notes/script.lua" }).text)

-- Pack the folder, look inside, unpack it elsewhere.
local archive = folder .. "/notes.tar.gz"
print(archiver:execute({ operation = "create", path = archive, input = { folder .. "/notes" } }).text)
local listed = archiver:execute({ operation = "list", path = archive }).metadata.response.result
for _, entry in ipairs(listed.files) do
  if not entry.is_dir then
    print(("%6d  %s"):format(entry.size, entry.name))
  end
end
local copy = folder .. "/copy"
local unpacked = archiver:execute({ operation = "extract", path = archive, target_path = copy }).metadata.response.result
print(("%d files unpacked"):format(unpacked.extracted_files))

-- Nothing happens to the copy while we look.
local watched = watcher:execute({ operation = "watch", input = { copy }, timeout_seconds = 0.1 }).result
print(("%d changes"):format(watched.event_count))

-- Leave nothing behind.
local function clear(path)
  local entries = files:execute({ operation = "list_dir", path = path }).metadata.response.result.entries
  for _, entry in ipairs(entries) do
    if entry.type == "directory" then
      clear(entry.path)
    else
      files:execute({ operation = "delete", path = entry.path })
    end
  end
  os.remove(path)
end
clear(folder)

return { found = #found.metadata.response.result.matches, unpacked = unpacked.extracted_files, changes = watched.event_count }
