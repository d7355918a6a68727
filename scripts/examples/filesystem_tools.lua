-- Files with the tools of the category filesystem: search, convert, pack, unpack, watch.
-- Run it with: llmspell run scripts/examples/filesystem_tools.lua

local folder = os.tmpname() .. "-filesystem"
os.remove((folder:gsub("%-filesystem$", "")))

local function file(operation, path, input)
    return Tool.execute("file-operations", {operation = operation, path = path, input = input, recursive = true})
end

-- Something to work on.
Tool.execute("file-operations", {operation = "create_dir", path = folder .. "/notes", recursive = true})
file("write", folder .. "/notes/plan.md", "# Plan\n\nTODO: write the report\n")
file("write", folder .. "/notes/done.md", "# Done\n\nThe data is in.\n")
file("write", folder .. "/notes/script.lua", "if ready then\n\tprint('go')\nend\n")

-- Where is something left to do?
local found = Tool.execute("file-search", {pattern = "todo:\\s+\\w+", path = folder, recursive = true,
                                           use_regex = true, case_sensitive = false, context_lines = 0})
for _, hit in ipairs(found.metadata.response.result.matches) do
    print(("line %d: %s"):format(hit.line_number, hit.line_content))
end

-- Tabs become spaces; the old file is kept beside it.
print(Tool.execute("file-converter", {operation = "indentation", path = folder .. "/notes/script.lua"}).text)

-- Pack the folder, look inside, unpack it elsewhere.
local archive = folder .. "/notes.tar.gz"
local packed = Tool.execute("archive-handler", {operation = "create", path = archive, input = {folder .. "/notes"}})
print(packed.text)
for _, entry in ipairs(Tool.execute("archive-handler", {operation = "list", path = archive})
                           .metadata.response.result.files) do
    if not entry.is_dir then
        print(("%6d  %s"):format(entry.size, entry.name))
    end
end
local out = Tool.execute("archive-handler", {operation = "extract", path = archive, target_path = folder .. "/copy"})
print(("%d files unpacked"):format(out.metadata.response.result.extracted_files))

-- Nothing happens to the copy while we look.
local watched = Tool.execute("file-watcher", {operation = "watch", input = {folder .. "/copy"}, timeout_seconds = 0.1})
print(("%d changes"):format(watched.result.event_count))

-- Leave nothing behind.
local function clear(path)
    for _, entry in ipairs(file("list_dir", path).metadata.response.result.entries) do
        if entry.type == "directory" then clear(entry.path) else os.remove(entry.path) end
    end
    os.remove(path)
end
clear(folder)
