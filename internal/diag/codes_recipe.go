package diag

import "slices"

// The codes of reading a recipe: what stands between the file and its values. The rules about the values themselves are in
// codes_recipe_rules.go, the warnings about what makes builds differ in codes_recipe_lint.go.
const (
	CodeRecipeNotFound     Code = "A0101"
	CodeRecipeUnreadable   Code = "A0102"
	CodeRecipeTooLarge     Code = "A0103"
	CodeRecipeEncoding     Code = "A0104"
	CodeRecipeSyntax       Code = "A0105"
	CodeRecipeDocuments    Code = "A0106"
	CodeRecipeAlias        Code = "A0107"
	CodeRecipeTag          Code = "A0108"
	CodeRecipeKeyType      Code = "A0109"
	CodeRecipeDuplicateKey Code = "A0110"
	CodeRecipeUnknownKey   Code = "A0111"
	CodeRecipeWrongType    Code = "A0112"
	CodeRecipeUnquoted     Code = "A0113"
	CodeRecipeEmptyValue   Code = "A0114"
	CodeRecipeMissingKey   Code = "A0115"
	CodeRecipeMoreErrors   Code = "A0116"
	CodeRecipeTooDeep      Code = "A0117"
	CodeRecipeInvisible    Code = "A0118"
)

// recipeCodes is the whole A01 group.
var recipeCodes = slices.Concat(recipeReadCodes, recipeRuleCodes, recipeLintCodes)

// recipeInfo lays a page of the A01 group out: what the code means, why it matters, what to do.
func recipeInfo(code Code, title, what, why, fix string) Info {
	return Info{
		Code: code, Exit: ExitUsage, Title: title,
		Page: what + "\n\n" + why + "\n\n" + fix + "\n",
	}
}

var recipeReadCodes = []Info{
	recipeInfo(CodeRecipeNotFound, "there is no recipe here",
		"The path names neither a recipe file nor a folder that holds `recipe.yaml`.",
		"Every command starts from a recipe: it declares the source, the build and the name of one image.",
		"Run `selfsame init` for a commented recipe, `selfsame init --from Dockerfile` to start from a Dockerfile you have,\nor name the recipe: `selfsame build path/to/recipe.yaml`."),
	recipeInfo(CodeRecipeUnreadable, "the recipe cannot be read",
		"The path exists, but it is not a regular file or the system refuses to open it.",
		"A pipe, device or socket could give other bytes each time, and a recipe is hashed into the lock.",
		"Check the permissions with `ls -l recipe.yaml`, and give a regular file."),
	recipeInfo(CodeRecipeTooLarge, "the recipe is too large",
		"A recipe may have at most 1 MiB (1,048,576 bytes).",
		"Every read is bounded, so that a file from a stranger cannot take the machine down.",
		"Move long scripts into files beside the recipe, copy them into the stage and run them there."),
	recipeInfo(CodeRecipeEncoding, "the recipe is not plain text",
		"The file holds bytes that are not UTF-8, a byte order mark, a control character, a lone carriage return, or a character\nthat ends a line or turns the direction of text without being seen.",
		"Such text can look different to a reviewer than it reads to the program (CVE-2021-42574, \"Trojan Source\"), and it would\nmake the line numbers of every later message wrong.",
		"Save the file as UTF-8 without a byte order mark. `grep -nP '[^\\t\\x20-\\x7e]' recipe.yaml` shows every character that is\nnot plain ASCII. Where you need such a character, write it as an escape in double quotes: \"\\u00a0\"."),
	recipeInfo(CodeRecipeSyntax, "the recipe is not valid YAML",
		"The YAML parser could not read the file. It names the line it had reached, which can be one or two lines after the cause.",
		"Nothing of a file that cannot be read whole is used.",
		"Look at the named line and the lines above it: a tab in the indentation, a missing space after a colon, an unclosed\nquote, and a value that begins with one of @ ` % & * ! | > are the usual causes. Put such a value in quotes."),
	recipeInfo(CodeRecipeDocuments, "the recipe holds more than one document",
		"There is a second YAML document after `---`, or text after `...`.",
		"Most YAML readers ignore it without a word, so that two tools would see two different recipes in one file.",
		"Make a file for each image, and build each: `selfsame build other/recipe.yaml`."),
	recipeInfo(CodeRecipeAlias, "anchors, aliases and merge keys are not allowed",
		"The recipe uses `&name`, `*name` or `<<:`.",
		"A recipe is data that people review. An alias shows a value where it is not written, can grow a small file to gigabytes,\nand makes two recipes that mean the same hard to compare.",
		"Repeat the value. A value that begins with & or * must be in quotes."),
	recipeInfo(CodeRecipeTag, "explicit tags are not allowed",
		"The recipe uses a YAML tag such as `!!str`, `!!binary` or `!custom`.",
		"A tag changes the type of a value behind the reader's back, and readers disagree on which tags there are.",
		"Remove the tag; put text in quotes. A value that begins with ! must be in quotes too."),
	recipeInfo(CodeRecipeKeyType, "a key is not plain text",
		"The key of a mapping is a number, a truth value, a date, empty, a list or a mapping.",
		"Every key of a recipe is text; whether `1:` and `\"1\":` are one key is something that YAML readers do not agree on.",
		"Put the key in quotes, if it really is one: `\"1\": value`."),
	recipeInfo(CodeRecipeDuplicateKey, "a key is written twice",
		"The same mapping holds one key two times.",
		"Readers take the first, the last, or refuse. None of that is what a recipe may depend on.",
		"Remove one of the two; the message names both lines."),
	recipeInfo(CodeRecipeUnknownKey, "unknown key",
		"The recipe has no such key at this place.",
		"A misspelt key that is ignored changes what is built without a word.",
		"Take the key that the message suggests, or run `selfsame schema recipe` for all keys. Editors that know the schema complete\nthem: keep the first line that `selfsame init` wrote."),
	recipeInfo(CodeRecipeWrongType, "a value has the wrong type",
		"The value is text where a list is meant, a list where text is meant, or the like.",
		"Nothing is converted silently, because a conversion is a guess.",
		"Write the value in the form that the message asks for. `selfsame schema recipe` has the type of every key."),
	recipeInfo(CodeRecipeUnquoted, "text must be in quotes here",
		"The value is meant as text, but without quotes YAML reads it as a number, a truth value, a date or nothing. `1.10` becomes\n1.1, `0777` becomes 511, `no` becomes false in many readers.",
		"The version 1.10 that turned into 1.1 is a bug that nobody sees in review.",
		"Put the value in double quotes, as the message shows."),
	recipeInfo(CodeRecipeEmptyValue, "a value is empty",
		"The key is there and its value is missing, null, an empty text, an empty list or an empty mapping.",
		"An empty value can mean \"none\", \"the default\" or \"I forgot\". A recipe says what it means.",
		"Give the key a value, or delete it to get the default."),
	recipeInfo(CodeRecipeMissingKey, "a required key is missing",
		"A key without which the recipe says too little is not there.",
		"There is no safe default for it: the platform of the machine, for example, would make one recipe mean different images on\ndifferent machines.",
		"Add the key, as the message shows."),
	recipeInfo(CodeRecipeMoreErrors, "more errors are not shown",
		"The file has more errors than are reported at once.",
		"Usually one mistake near the top is the cause of all others, or the file is no recipe at all.",
		"Fix the first ones and run `selfsame check` again."),
	recipeInfo(CodeRecipeTooDeep, "the recipe is too deep or has too many values",
		"A recipe may nest 32 levels deep and hold 50,000 values.",
		"Every read is bounded. No real recipe comes near either number.",
		"Move what a script can do into a script. If the file was generated, look for a loop in the generator."),
	recipeInfo(CodeRecipeInvisible, "a value holds a character that cannot be shown",
		"The value holds a control character, or one that turns the direction of text, written as an escape such as \"\\x1b\".",
		"It would reach terminals, logs and labels, where it can hide or forge text. No name, path or variable needs one.",
		"Remove the escape. A script can make the character itself: `printf '\\033'`."),
}
