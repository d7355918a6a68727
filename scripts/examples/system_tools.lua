-- What this process may know of its environment: the system tools.
--
--   llmspell run scripts/examples/system_tools.lua

local environment = Tool.get("environment-reader")

local path = environment:execute({ operation = "get", variable_name = "PATH" }).result
local folders = {}
for folder in (path.value or ""):gmatch("[^:]+") do
  folders[#folders + 1] = folder
end
print(("programs are looked for in %d folders, first in %s"):format(#folders, folders[1] or "none"))

local readable = environment:execute({ operation = "list" }).result
print(("%d variables may be read"):format(readable.count))

-- Names that look like secrets are refused, whoever asks; the message says what would allow one.
local allowed = pcall(function()
  return environment:execute({ operation = "get", variable_name = "EXAMPLE_API_TOKEN" })
end)
print(allowed, Tool.last_error().code)

return { folders = #folders, readable = readable.count, refused = not allowed }
